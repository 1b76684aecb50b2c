"""Lay out what Sphinx reads: the notebooks as a reader of the site sees them, and a page for each module.

Nothing is run. Bookkeeping cells go, the `#|` lines go, plots get alt text, tables a box to scroll in, and
cells whose source is hidden in Jupyter are folded. myst-nb shows the notebooks. It folds and describes what
we tell it to; it knows nothing of nbdev's `#|` lines, of titles in the code, of links that leave the site.
"""
import ast
import json
import re
import shutil
import sys
from configparser import ConfigParser
from pathlib import Path

import api

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'
settings = ConfigParser(delimiters=['='])
settings.read(ROOT/'settings.ini', encoding='utf-8')
cfg = settings['DEFAULT']
PACKAGE = ROOT/cfg['lib_path']
GITHUB = f"https://github.com/{cfg['user']}/{cfg['repo']}/blob/{cfg['branch']}"

# Method of a plot -> the names of its arguments, as far as alt text needs them.
LABELS = {'suptitle': ['suptitle'], 'title': ['title'], 'set_title': ['title'],
          'set_xlabel': ['xlabel'], 'set_ylabel': ['ylabel']}


def read(path):
    return json.loads(path.read_text(encoding='utf-8'))


def write(path, notebook):
    path.write_text(json.dumps(notebook), encoding='utf-8')


def source(cell):
    return ''.join(cell['source'])


def title(path):
    first = read(path)['cells'][0]
    return source(first).splitlines()[0].lstrip('# ')


def markdown_cell(name, text):
    return {'cell_type': 'markdown', 'metadata': {}, 'id': name, 'source': text}


def directives(code):
    "The `#| ...` lines of a code cell, without spaces."
    return [line.replace(' ', '') for line in code.splitlines() if line.startswith('#|')]


def without_directives(code):
    return '\n'.join(line for line in code.splitlines() if not line.startswith('#|')).strip('\n')


def is_bookkeeping(code):
    "Hidden, or nothing but directives."
    return '#|hide' in directives(code) or not without_directives(code).strip()


def is_folded(cell):
    "Whether Jupyter hides the source of a cell."
    return cell['metadata'].get('jupyter', {}).get('source_hidden', False)


def parse(code):
    "All nodes of the code, from top to bottom; none if it is not plain Python, as with `%time`."
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return []
    placed = [node for node in ast.walk(tree) if hasattr(node, 'lineno')]
    return sorted(placed, key=lambda node: (node.lineno, node.col_offset))


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.strip() != ''


def arguments(call):
    "(name, node) of each argument of a call, as far as we know what the function calls it."
    function = getattr(call.func, 'attr', getattr(call.func, 'id', ''))
    known = LABELS | api.parameters_of(PACKAGE)
    by_place = zip(known.get(function, []), call.args)
    by_name = [(keyword.arg, keyword.value) for keyword in call.keywords]
    return [*by_place, *by_name]


def texts(code, wanted):
    "What calls in the code are given for the argument `wanted`, where it is a text."
    given = [pair for node in parse(code) if isinstance(node, ast.Call) for pair in arguments(node)]
    return [node.value for name, node in given if name == wanted and is_text(node)]


def sentences(code):
    "What in the code reads like a title, a capital and four words or more, and is no docstring or message."
    other = (ast.Expr, ast.Raise, ast.Assert, ast.JoinedStr, ast.Dict)
    around = [node for node in parse(code) if not isinstance(node, other)]
    inside = [part.value for node in around for part in ast.iter_child_nodes(node) if is_text(part)]
    return [text for text in inside if re.match(r'[A-Z].*( .+){3}', text)]


def last_sentence(text):
    "The last sentence of a markdown cell, without its marks."
    text = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', text)
    text = re.sub(r'[*`#>$]', '', text).strip()
    if not text:
        return ''
    last_line = text.splitlines()[-1].strip()
    return re.split(r'(?<=[.!?:])\s+', last_line)[-1].rstrip(':.')


def alt_text(code, before):
    """What a plot shows: its title, which here says the finding; else what in the code reads like one; else
    the last sentence of `before`. Besides, its axes, unless there are several with different labels.
    """
    titles = texts(code, 'suptitle') or texts(code, 'title') or sentences(code)
    shown = '; '.join(dict.fromkeys(titles)) or last_sentence(before) or 'see the text above'
    across, up = set(texts(code, 'xlabel')), set(texts(code, 'ylabel'))
    axes = f', {up.pop()} over {across.pop()}' if len(across) == len(up) == 1 else ''
    return f'Plot{axes}: {shown}'


def clean_html(html):
    "A table without its own style, in a box that scrolls; nothing of a progress bar."
    unwanted = r'<style.*?</style>|<div><progress.*?</div>|<progress.*?</progress>'
    html = re.sub(unwanted, '', html, flags=re.S).strip()
    html = re.sub(r'<div>\s*(<table.*</table>)\s*</div>', r'\1', html, flags=re.S)
    html = re.sub(r'(<t(?:able|r)\b[^>]*?)\s+(?:border|style)="[^"]*"', r'\1', html)
    html = html.replace('<th></th>', '<td></td>')
    return html.replace('<table', '<div class="table-wrapper"><table').replace('</table>', '</table></div>')


def stage_output(output):
    "What is left of an output: None if it was progress alone."
    data = output.get('data', {})
    if 'text/html' not in data:
        return output
    html = clean_html(''.join(data['text/html']))
    html = html.replace('src="../images/live-', 'src="_static/live/live-')   # see copy_live
    return {**output, 'data': {'text/html': html}} if html else None


def link(target, folder):
    "A link from a notebook in `folder` as the site needs it: to a page, a picture that is staged, or GitHub."
    path, hash_, fragment = target.partition('#')
    if '://' in target or target.startswith('mailto:') or not path:
        return target
    where = (folder/path).resolve()
    if where == NBS/'solutions':
        return 'solutions/index.md'
    if where.parent == ROOT/'images':
        return f'images/{where.name}' if folder == NBS else f'../images/{where.name}'
    if where.suffix == '.ipynb' and NBS in where.parents:
        return path + hash_ + fragment
    if ROOT in where.parents and where.exists():
        return f'{GITHUB}/{where.relative_to(ROOT).as_posix()}'
    return target   # Sphinx will say that it leads nowhere


def stage_prose(cell, folder):
    text = re.sub(r'\]\(([^)\s]+)\)', lambda match: f']({link(match[1], folder)})', source(cell))
    return {**cell, 'source': text}


def prose_of(cell, outputs):
    "A cell whose output is prose, or a figure: that alone."
    shown = [output['data'] for output in outputs if 'data' in output]
    parts = [''.join(data.get('text/markdown', data.get('text/html', ''))) for data in shown]
    return markdown_cell(cell['id'], '\n\n'.join(parts))


def in_package(notebook, cell):
    "Links to what the package has from a cell, and a place for it to link back to; nothing for most cells."
    key = notebook, cell['id']
    exported = api.cells_of(PACKAGE)
    if key not in exported:
        return []
    module, names = exported[key]
    links = ', '.join(f'{{py:obj}}`{name} <rnn_course.{module}.{name}>`' for name in names)
    text = f'({api.place(*key)})=\n\n{{.in-package}}\nIn the package: {links}'
    return [markdown_cell(f"to-{cell['id']}", text)]


def describe_plot(outputs, code, before):
    "The alt text of the pictures among the outputs, None if there are none; a drawing says it itself."
    shown = [pair for output in outputs for pair in output.get('data', {}).items()]
    pictures = {kind: ''.join(data) for kind, data in shown if kind.startswith('image/')}
    drawn = re.findall(r'<(?:title|desc)>(.*?)</', pictures.get('image/svg+xml', ''))
    if drawn:
        return '. '.join(drawn)
    return alt_text(code, before) if pictures else None


def metadata_of(cell, alt):
    "What tells myst-nb to describe the pictures of a cell and to fold its source."
    metadata = {}
    if alt:
        metadata['mystnb'] = {'image': {'alt': alt}}
    if is_folded(cell):
        metadata['tags'] = ['hide-input']
    return metadata


def stage_code(notebook, cell, before):
    "The cells that show a code cell of a notebook on the site; `before` is the prose above it."
    code = source(cell)
    if is_bookkeeping(code):
        return []
    outputs = [output for output in map(stage_output, cell['outputs']) if output]
    if '#|echo:false' in directives(code):
        return [prose_of(cell, outputs)]
    metadata = metadata_of(cell, describe_plot(outputs, code, before))
    staged = {**cell, 'source': without_directives(code), 'outputs': outputs, 'metadata': metadata}
    return [*in_package(notebook, cell), staged]


def stage_notebook(path):
    "The notebook at `path` as the site shows it."
    name = path.relative_to(NBS).as_posix()
    cells, before = [], ''
    for cell in read(path)['cells']:
        if cell['cell_type'] == 'markdown':
            before = source(cell)
            cells.append(stage_prose(cell, path.parent))
        else:
            cells += stage_code(name, cell, before)
    metadata = {'kernelspec': {'name': 'python3', 'display_name': 'Python 3', 'language': 'python'},
                'language_info': {'name': 'python', 'pygments_lexer': 'ipython3'}}
    return {'nbformat': 4, 'nbformat_minor': 5, 'cells': cells, 'metadata': metadata}


def toctree(pages, caption=''):
    captioned = [f':caption: {caption}'] if caption else []
    return '\n'.join(['', '```{toctree}', ':hidden:', *captioned, '', *pages, '```', ''])


def copy_files(out, node_modules):
    "The pictures, and MathJax: one file, without fonts."
    maths = Path(node_modules)/'mathjax'/'es5'/'tex-svg-full.js'
    if not maths.exists():
        sys.exit(f'{maths} is not there: MathJax comes from npm; `make site` puts it there')
    (out/'_static'/'mathjax').mkdir(parents=True)
    shutil.copy(maths, out/'_static'/'mathjax')
    shutil.copytree(ROOT/'images', out/'images')
    shutil.copy(ROOT/'images'/'logo.svg', out/'_static')   # for the sidebar


def copy_live(out):
    "What the live figures are made of, and the pictures in their place where no script runs."
    sys.path.insert(0, str(ROOT))
    from rnn_course.live import NETWORKS, network_script
    live = out/'_static'/'live'
    live.mkdir(parents=True)
    for path in [*(NBS/'live').glob('*'), *(ROOT/'images').glob('live-*.png')]:
        shutil.copy(path, live)
    for name in NETWORKS:
        (live/f'weights-{name}.js').write_text(network_script(name), encoding='utf-8')


def stage_front_page(out, pages):
    "The front page, with the order of all others: numbered notebooks are chapters, lettered ones appendices."
    names = [path.stem for path in pages]
    trees = [toctree([name for name in names if re.match(r'\d', name)], 'Chapters'),
             toctree([name for name in names if re.match(r'[A-Z]_', name)], 'Appendices'),
             toctree(['solutions/index', 'api/index'], 'Reference')]
    index = stage_notebook(NBS/'index.ipynb')
    index['cells'].append(markdown_cell('toctree', ''.join(trees)))
    write(out/'index.ipynb', index)


def stage_solutions(out):
    (out/'solutions').mkdir()
    solved = sorted((NBS/'solutions').glob('[!_]*.ipynb'))
    for path in solved:
        write(out/'solutions'/path.name, stage_notebook(path))
    listed = '\n'.join(f'- [{title(NBS/path.name)}]({path.name})' for path in solved)
    about = '# Solutions\n\nThe exercises of each chapter, solved and run.'
    text = f'{about}\n\n{listed}\n{toctree([path.stem for path in solved])}'
    (out/'solutions'/'index.md').write_text(text, encoding='utf-8')


def stage(out, node_modules):
    "Write all that Sphinx reads to the folder `out`, which is made anew."
    out = Path(out)
    shutil.rmtree(out, ignore_errors=True)
    copy_files(out, node_modules)
    copy_live(out)
    pages = [path for path in NBS.glob('[!_]*.ipynb') if path.stem != 'index']
    pages.sort(key=lambda path: (path.stem != '00_start', path.name))   # the first chapter first
    for path in pages:
        write(out/path.name, stage_notebook(path))
    stage_front_page(out, pages)
    stage_solutions(out)
    api.write(PACKAGE, out/'api', {path.name: title(path) for path in pages}, f"{GITHUB}/{cfg['lib_path']}")
