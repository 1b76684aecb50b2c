"""Lay out what Sphinx reads: the notebooks as a reader of the site sees them, and a page for each module.

Nothing is run. Bookkeeping cells go, the `#|` lines go, plots get alt text, tables a box to scroll in."""
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
GITHUB = f"https://github.com/{cfg['user']}/{cfg['repo']}"


def source(cell): return ''.join(cell['source'])
def read(path): return json.loads(path.read_text(encoding='utf-8'))
def title(path): return source(read(path)['cells'][0]).splitlines()[0].lstrip('# ')


def directives(code):
    "The `#| ...` lines at the top of a code cell, without spaces."
    return [line.replace(' ', '') for line in code.splitlines() if line.startswith('#|')]


def is_bookkeeping(cell):
    "Hidden, or nothing but directives."
    code = source(cell)
    bare = all(not line.strip() or line.startswith('#|') for line in code.splitlines())
    return cell['cell_type'] == 'code' and (bare or '#|hide' in directives(code))


def strings(code, wanted):
    "The string literals among the nodes that `wanted` picks from `code`, in the order of the text."
    try: tree = ast.parse(code)
    except SyntaxError: return []
    found = [n for node in ast.walk(tree) for n in wanted(node) if isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value.strip()]
    return [n.value for n in sorted(found, key=lambda n: (n.lineno, n.col_offset))]


def last_sentence(text):
    "The last sentence of a markdown cell, without its marks."
    text = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', text)
    text = [line for line in re.sub(r'[*`#>$]', '', text).splitlines() if line.strip()]
    return re.split(r'(?<=[.!?:])\s+', text[-1].strip())[-1].rstrip(':.') if text else ''


def alt_text(code, before):
    """What a plot shows: its title, which here says the finding; else whatever in the code reads like a title, a capital and
    four words or more; else the last sentence of `before`."""
    def named(*names):   # title='…', set_title('…')
        def wanted(node):
            if not isinstance(node, ast.Call): return []
            called = getattr(node.func, 'attr', getattr(node.func, 'id', ''))
            return [k.value for k in node.keywords if k.arg in names] + (node.args[:1] if called in names else [])
        return strings(code, wanted)
    def like_a_title(node):
        return [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.Constant) and re.match(r'[A-Z].*( .+){3}', str(n.value))
                and not isinstance(node, (ast.Expr, ast.Raise, ast.Assert, ast.JoinedStr, ast.Dict))]
    titles = named('suptitle') or named('title', 'set_title') or strings(code, like_a_title)
    across, up = named('xlabel', 'set_xlabel'), named('ylabel', 'set_ylabel')
    axes = f', {up[0]} over {across[0]}' if len(set(across)) == len(set(up)) == 1 else ''
    return f"Plot{axes}: {'; '.join(dict.fromkeys(titles)) or last_sentence(before) or 'see the text above'}"


def clean_html(html):
    "A table without its own style, in a box that scrolls; nothing of a progress bar."
    html = re.sub(r'<style.*?</style>|<div><progress.*?</div>|<progress.*?</progress>', '', html, flags=re.S).strip()
    html = re.sub(r'<div>\s*(<table.*</table>)\s*</div>', r'\1', html, flags=re.S)
    html = re.sub(r'(<t(?:able|r)\b[^>]*?)\s+(?:border|style)="[^"]*"', r'\1', html)
    return html.replace('<th></th>', '<td></td>').replace('<table', '<div class="table-wrapper"><table').replace('</table>', '</table></div>')


def stage_output(output):
    "What is left of an output: None if it was progress alone."
    data = output.get('data', {})
    if 'text/html' in data:
        html = clean_html(''.join(data['text/html']))
        if not html: return None
        return {**output, 'data': {'text/html': html}}
    return output


def link(target, folder):
    "A notebook's link as the site needs it: to another page, to a picture that is staged too, or to the file on GitHub."
    path, hash_, fragment = target.partition('#')
    if '://' in target or target.startswith('mailto:') or not path: return target
    where = (NBS/folder/path).resolve()
    if where == NBS/'solutions': return 'solutions/index.md'
    if where.parent == ROOT/'images': return ('../' if folder else '') + f'images/{where.name}'
    if where.suffix == '.ipynb' and NBS in where.parents: return path + hash_ + fragment
    if ROOT in where.parents and where.exists(): return f"{GITHUB}/blob/{cfg['branch']}/{where.relative_to(ROOT).as_posix()}"
    return target   # Sphinx will say that it leads nowhere


def stage_notebook(path, folder=''):
    "The notebook at `path` as the site shows it."
    cells, before = [], ''
    exported = api.cells_of(ROOT/cfg['lib_path'])   # cell id -> what the package has from it
    for cell in read(path)['cells']:
        text = source(cell)
        if cell['cell_type'] == 'markdown':
            before = text
            text = re.sub(r'\]\(([^)\s]+)\)', lambda m: f']({link(m[1], folder)})', text)
            cells.append({**cell, 'source': text})
            continue
        if is_bookkeeping(cell) or not text.strip(): continue
        outputs = [o for o in map(stage_output, cell['outputs']) if o]
        if '#|echo:false' in directives(text):   # its output is prose
            said = '\n\n'.join(''.join(o['data'].get('text/markdown', '')) for o in outputs if 'data' in o)
            cells.append({'cell_type': 'markdown', 'metadata': {}, 'id': cell['id'], 'source': said})
            continue
        code = '\n'.join(line for line in text.splitlines() if not line.startswith('#|')).strip('\n')
        svg = ''.join(str(''.join(o.get('data', {}).get('image/svg+xml', ''))) for o in outputs)
        drawn = re.search(r'<title>(.*?)</title>', svg)
        plots = [o for o in outputs if any(k.startswith('image/') for k in o.get('data', {}))]
        metadata = {'mystnb': {'image': {'alt': drawn[1] if drawn else alt_text(code, before)}}} if plots else {}
        if cell['id'] in exported:
            module, names = exported[cell['id']]
            links = ', '.join(f'{{py:obj}}`{name} <rnn_course.{module}.{name}>`' for name in names)
            cells.append({'cell_type': 'markdown', 'metadata': {}, 'id': f"to-{cell['id']}",
                          'source': f"(cell-{cell['id']})=\n\n{{.in-package}}\nIn the package: {links}"})
        cells.append({**cell, 'source': code, 'outputs': outputs, 'metadata': metadata})
    return {'nbformat': 4, 'nbformat_minor': 5, 'cells': cells,
            'metadata': {'kernelspec': {'name': 'python3', 'display_name': 'Python 3', 'language': 'python'},
                         'language_info': {'name': 'python', 'pygments_lexer': 'ipython3'}}}


def toctree(*pages, caption=''):
    return '\n'.join(['', '```{toctree}', ':hidden:', *[f':caption: {caption}'] * bool(caption), '', *pages, '```', ''])


def stage(out, node_modules):
    "Write all that Sphinx reads to the folder `out`, which is made anew."
    out, maths = Path(out), Path(node_modules)/'mathjax/es5/tex-svg-full.js'   # one file, without fonts
    if not maths.exists(): sys.exit(f'{maths} is not there: MathJax comes from npm; `make site` puts it there')
    shutil.rmtree(out, ignore_errors=True)
    (out/'_static'/'mathjax').mkdir(parents=True)
    shutil.copy(maths, out/'_static'/'mathjax')
    (out/'solutions').mkdir(parents=True)
    shutil.copytree(ROOT/'images', out/'images')
    pages = sorted(p for p in NBS.glob('[!_]*.ipynb') if p.stem != 'index')
    solved = sorted((NBS/'solutions').glob('[!_]*.ipynb'))
    chapters = [p for p in pages if (NBS/'solutions'/p.name).exists()]   # a chapter has exercises
    for path in pages: (out/path.name).write_text(json.dumps(stage_notebook(path)), encoding='utf-8')
    for path in solved: (out/'solutions'/path.name).write_text(json.dumps(stage_notebook(path, 'solutions')), encoding='utf-8')

    index = stage_notebook(NBS/'index.ipynb')
    trees = (toctree(*[p.stem for p in chapters], caption='Chapters') + toctree(*[p.stem for p in pages if p not in chapters], caption='Helpers')
             + toctree('solutions/index', 'api/index', caption='Reference'))
    index['cells'].append({'cell_type': 'markdown', 'metadata': {}, 'id': 'toctree', 'source': trees})
    (out/'index.ipynb').write_text(json.dumps(index), encoding='utf-8')

    listed = '\n'.join(f'- [{title(NBS/p.name)}]({p.name})' for p in solved)
    (out/'solutions'/'index.md').write_text(f'# Solutions\n\nThe exercises of each chapter, solved and run.\n\n{listed}\n'
                                            + toctree(*[p.stem for p in solved]), encoding='utf-8')
    api.write(ROOT/cfg['lib_path'], out/'api', {p.name: title(p) for p in pages}, f"{GITHUB}/blob/{cfg['branch']}/{cfg['lib_path']}")
