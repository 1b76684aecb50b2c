"""Make README.md from nbs/index.ipynb with nbconvert's markdown exporter (nbdev's own way needs Quarto).

    python tools/readme.py

Cells marked `#| hide` are left out; of those marked `#| echo: false` only the output is kept."""
import re
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import TagRemovePreprocessor

ROOT = Path(__file__).resolve().parent.parent


def directives(cell):
    "The `#| ...` lines at the top of a code cell, without spaces."
    return [line.replace(' ', '') for line in cell.source.splitlines() if line.startswith('#|')] if cell.cell_type == 'code' else []


def readme():
    "The text of README.md."
    nb = nbformat.read(ROOT/'nbs'/'index.ipynb', as_version=4)
    for cell in nb.cells:
        marks = directives(cell)
        cell.metadata['tags'] = ['drop'] * ('#|hide' in marks) + ['no-input'] * ('#|echo:false' in marks)
    remover = TagRemovePreprocessor(enabled=True, remove_cell_tags={'drop'}, remove_input_tags={'no-input'})
    text, _ = MarkdownExporter(preprocessors=[remover]).from_notebook_node(nb)
    # links and pictures are seen from nbs/ in the notebook, from the project's folder in README
    text = text.replace('](../', '](')
    text = re.sub(r'\]\(((?:solutions/)?[^():/]*)\)', lambda m: f'](nbs/{m[1]})' if (ROOT/'nbs'/m[1]).exists() and m[1] else m[0], text)
    text = re.sub(r'^```\n(?:#\|.*\n)+', '```python\n', text, flags=re.M)   # code cells, without their directives
    return re.sub(r'\n{3,}', '\n\n', text).strip() + '\n'


if __name__ == '__main__': (ROOT/'README.md').write_text(readme(), encoding='utf-8')
