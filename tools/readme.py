"""Make README.md from nbs/index.ipynb with nbconvert's markdown exporter (nbdev's own way needs Quarto).

    python tools/readme.py

Cells marked `#| hide` are left out; of those marked `#| echo: false` only the output is kept."""
import re
from html import unescape
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import TagRemovePreprocessor

ROOT = Path(__file__).resolve().parent.parent
SITE = 'https://rnn-course.github.io/rnn_course/'


def directives(cell):
    "The `#| ...` lines at the top of a code cell, without spaces."
    if cell.cell_type != 'code': return []
    return [line.replace(' ', '') for line in cell.source.splitlines() if line.startswith('#|')]


def tags(cell):
    "What is to be removed of a cell."
    marks = directives(cell)
    found = []
    if '#|hide' in marks: found.append('drop')
    if '#|echo:false' in marks: found.append('no-input')
    return found


def seen_from_above(link):
    "A link to a file beside index.ipynb, as it is written in the project's folder; any other link as it is."
    target = link[1]
    beside = target and (ROOT/'nbs'/target).exists()
    return f'](nbs/{target})' if beside else link[0]


def show_still(cell):
    "A live figure as a picture with its description, which is what README can show."
    for output in cell.get('outputs', []):
        found = re.search(r'<img src="(.*?)" alt="(.*?)"><figcaption>(.*?)</figcaption>',
                          output.get('data', {}).get('text/html', ''))
        if not found: continue
        source, shown, _ = map(unescape, found.groups())
        invitation = f'On [the reading site]({SITE}) you can play with it.'
        output['data'] = {'text/markdown': f'![{shown}]({source})\n\n{invitation}'}


def readme():
    "The text of README.md."
    nb = nbformat.read(ROOT/'nbs'/'index.ipynb', as_version=4)
    for cell in nb.cells: cell.metadata['tags'] = tags(cell)
    remove = dict(remove_cell_tags={'drop'}, remove_input_tags={'no-input'})
    remover = TagRemovePreprocessor(enabled=True, **remove)
    for cell in nb.cells: show_still(cell)
    text, _ = MarkdownExporter(preprocessors=[remover]).from_notebook_node(nb)
    # links and pictures are seen from nbs/ in the notebook, from the project's folder in README
    text = text.replace('](../', '](')
    text = re.sub(r'\]\(((?:solutions/)?[^():/]*)\)', seen_from_above, text)
    # code cells, without their directives
    text = re.sub(r'^```\n(?:#\|.*\n)+', '```python\n', text, flags=re.M)
    return re.sub(r'\n{3,}', '\n\n', text).strip() + '\n'


if __name__ == '__main__': (ROOT/'README.md').write_text(readme(), encoding='utf-8')
