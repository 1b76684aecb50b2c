"""Fold the cells that a reader need not see first, so that a chapter opens with its first sentence.

    python tools/fold.py [NOTEBOOK ...]

Folded are bookkeeping, imports, tests of what is refused, long cells that only draw, and cells that say
`#| fold`; the rest is shown.
The notebook keeps it as JupyterLab's `source_hidden`, and the site folds the same cells."""
import ast
import json
import sys
from pathlib import Path

NBS = Path(__file__).resolve().parent.parent/'nbs'
LONG = 12   # lines of a cell that draws


def source(cell): return ''.join(cell['source'])


def is_bookkeeping(code):
    "Nothing but directives, or hidden from the site altogether."
    lines = [line.replace(' ', '') for line in code.splitlines() if line.strip()]
    return '#|hide' in lines or all(line.startswith('#|') for line in lines)


def statements(code):
    "The statements of a cell; none if it is not plain Python."
    try: return ast.parse(code).body
    except SyntaxError: return []


def is_import(node):
    "An import, also one for annotations alone."
    if isinstance(node, ast.If): return all(map(is_import, node.body))
    return isinstance(node, (ast.Import, ast.ImportFrom))


def calls(node):
    "The names of the functions that are called in a piece of code, without what stands before a dot."
    functions = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    return {getattr(function, 'attr', getattr(function, 'id', '')) for function in functions}


def is_edge_test(body):
    "Tests of what is refused."
    kinds = (ast.Expr, ast.Assert, ast.For, ast.Assign, ast.With)
    return all(isinstance(node, kinds) for node in body) and any('test_fail' in calls(node) for node in body)


def is_long_drawing(code, body):
    "Many lines about axes, and nothing defined."
    drawn = any({'subplots', 'finish'} & calls(node) for node in body)
    defines = any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in body)
    return drawn and not defines and len(code.splitlines()) > LONG


def is_folded(cell):
    if cell['cell_type'] != 'code': return False
    code = source(cell)
    body = statements(code)
    if is_bookkeeping(code) or '#| fold' in code.splitlines(): return True
    if not body: return False
    return all(map(is_import, body)) or is_edge_test(body) or is_long_drawing(code, body)


def fold(notebook):
    "Mark the cells of a notebook (as JSON has it), in place."
    for cell in notebook['cells']:
        marks = cell['metadata'].get('jupyter', {})
        marks.pop('source_hidden', None)
        if is_folded(cell): marks['source_hidden'] = True
        if marks: cell['metadata']['jupyter'] = marks
        else: cell['metadata'].pop('jupyter', None)


def main(paths):
    for path in paths or sorted(p for p in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts):
        before = Path(path).read_text(encoding='utf-8')
        notebook = json.loads(before)
        fold(notebook)
        after = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + '\n'
        if after != before: Path(path).write_text(after, encoding='utf-8')


if __name__ == '__main__': main(sys.argv[1:])
