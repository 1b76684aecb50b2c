"""The house: export in step, notebooks whole and with outputs, imports in one direction, nothing private."""
import ast
import json
import re

import pytest
from conftest import (
    APPENDICES, BIN, CHAPTERS, MODULES, NBS, NOTEBOOKS, ROOT, every_notebook, label, python, run)
from IPython.core.inputtransformer2 import TransformerManager

PACKAGE = ROOT/'rnn_course'
TEXT = {'.py', '.md', '.ini', '.ipynb', '.svg', '.csv', '.txt', ''}


def read(path):
    return path.read_text(encoding='utf-8')


def source(cell):
    return ''.join(cell['source'])


def all_cells(path):
    return json.loads(read(path))['cells']


def cells(path, kind):
    return [cell for cell in all_cells(path) if cell['cell_type'] == kind]


def prose(path):
    return '\n'.join(source(cell) for cell in cells(path, 'markdown'))


# ---- export, README, modules

def test_export_and_clean_are_in_step(project):
    git = ['git', '-c', 'user.name=test', '-c', 'user.email=test@example.com']
    run(*git, 'init', '-q', '.', cwd=project)
    run(*git, 'add', '-A', cwd=project)
    run(*git, 'commit', '-qm', 'as it is', cwd=project)
    run(BIN/'nbdev_clean', cwd=project, env={'PYTHONPATH': str(project)})
    run(BIN/'nbdev_export', cwd=project, env={'PYTHONPATH': str(project)})
    assert run('git', 'status', '--porcelain', cwd=project).stdout == ''


def test_readme_is_made_from_index(project):
    before = read(project/'README.md')
    run(BIN/'python', 'tools/readme.py', cwd=project)
    assert read(project/'README.md') == before


def imports_of(name):
    "The `from ... import ...` of a module, those inside functions too."
    tree = ast.parse(read(PACKAGE/f'{name}.py'))
    return [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def is_ours(node):
    return node.level > 0 or (node.module or '').startswith('rnn_course.')


def test_every_module_is_in_the_house_and_imports_upwards():
    modules = {path.stem for path in PACKAGE.glob('*.py')} - {'__init__', '_modidx'}
    assert modules == set(MODULES)
    for name in modules:
        for node in imports_of(name):
            assert not any(imported.name == '*' for imported in node.names), f'{name}: star import'
            if not is_ours(node): continue
            other = node.module.split('.')[-1]
            assert MODULES.index(other) < MODULES.index(name), f'{name} imports {node.module}'


CORES = ['data', 'single_output', 'stateful', 'nn_rnn', 'deep', 'gru', 'lstm', 'linear', 'attention']


@pytest.mark.parametrize('name', CORES)
def test_cores_need_torch_alone(name):
    heavy = ['fastai', 'matplotlib', 'pandas', 'IPython', 'joblib']
    found = python(f'import sys, rnn_course.{name}; print([m for m in {heavy} if m in sys.modules])').stdout
    assert found.strip() == '[]'


@pytest.mark.parametrize('argv', [[], ['--help'], ['study', '--help'], ['count', '--help'], ['tabel']])
def test_the_command_line_answers_without_torch(argv):
    code = f"""
import sys
from rnn_course.cli import main
try: main({argv})
except SystemExit: pass
print([m for m in ('torch', 'fastai', 'numpy', 'pandas', 'matplotlib') if m in sys.modules])"""
    assert python(code).stdout.splitlines()[-1] == '[]'


def test_the_shipped_network_needs_no_torch():
    "And so `rnn-course count` answers at once."
    code = """
import sys
from rnn_course.cli import main
main(['count', 'one , two ,', '--n', '3'])
print([m for m in ('torch', 'fastai', 'pandas') if m in sys.modules])"""
    assert python(code).stdout.splitlines() == ['three , four', '[]']


# ---- annotations

def is_public(node):
    return not node.name.startswith('_') or node.name in ('__init__', '__call__')


def hides_none(argument, default):
    "Is the default None, and the annotation says nothing of it?"
    is_none = isinstance(default, ast.Constant) and default.value is None
    return is_none and argument.annotation is not None and 'None' not in ast.unparse(argument.annotation)


def lacking(function, skip):
    "The arguments, after the first `skip`, that lack an annotation, or None in it; 'return' too."
    args = function.args
    given = [*args.posonlyargs, *args.args, *args.kwonlyargs][skip:]
    given += [argument for argument in (args.vararg, args.kwarg) if argument]
    names = [argument.arg for argument in given if not argument.annotation]
    with_default = zip(args.args[::-1], args.defaults[::-1])
    names += [argument.arg for argument, default in with_default if hides_none(argument, default)]
    if not function.returns and function.name != '__init__': names.append('return')
    return names


def public_functions(module):
    "Name -> function, and how many arguments come before those that a user gives: none, or `self`."
    found = {}
    for node in ast.parse(read(module)).body:
        if isinstance(node, ast.FunctionDef) and is_public(node): found[module.stem, node.name] = node, 0
        if not isinstance(node, ast.ClassDef) or not is_public(node): continue
        methods = [f for f in node.body if isinstance(f, ast.FunctionDef) and is_public(f)]
        for method in methods: found[module.stem, node.name, method.name] = method, 1
    return found


def test_public_functions_are_annotated():
    found = {}
    for module in PACKAGE.glob('*.py'): found.update(public_functions(module))
    assert len(found) > 150
    bare = {name: lacking(function, skip) for name, (function, skip) in found.items()}
    assert not {name: args for name, args in bare.items() if args}
    assert (PACKAGE/'py.typed').exists()


# ---- notebooks: code and outputs

@every_notebook
def test_notebook_is_of_a_size_to_be_read(path):
    assert path.stat().st_size < 1_000_000


@every_notebook
def test_no_cell_is_empty(path):
    assert not [cell['id'] for cell in all_cells(path) if not source(cell).strip()]


@every_notebook
def test_no_cell_ended_in_an_error(path):
    outputs = [output for cell in cells(path, 'code') for output in cell['outputs']]
    assert not [output['ename'] for output in outputs if output['output_type'] == 'error']


@every_notebook
def test_code_is_not_wider_than_a_page(path):
    lines = [line for cell in cells(path, 'code') for line in source(cell).splitlines()]
    assert not [line for line in lines if len(line) > 100]


@every_notebook
def test_notebook_has_its_outputs(path):
    code = cells(path, 'code')
    least = 1 if path.stem == 'index' else .25*len(code)
    assert sum(bool(cell['outputs']) for cell in code) >= least, 'not run, or saved without outputs'


def is_run(cell):
    "A cell marked `#| eval: false` is for readers who choose to run it."
    return not re.search(r'^#\|\s*eval:\s*false', source(cell), re.M)


BLOCKS = (ast.For, ast.While, ast.With, ast.Try)


def always_done(statements):
    "Statements that a run comes by: none in functions, in branches, or in handlers of errors."
    for statement in statements:
        if isinstance(statement, BLOCKS): yield from always_done(statement.body)
        else: yield statement


def calls(statement, wanted):
    "Is the statement a call to a function, or to a method, whose name begins as wanted?"
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call): return False
    name = ast.unparse(statement.value.func).split('.')[-1]
    return name.startswith(wanted)


def leaves_something(cell):
    "Must there be an output once the cell was run? Where a call may return nothing, we do not say so."
    body = ast.parse(TransformerManager().transform_cell(source(cell))).body
    if any(calls(statement, ('print', 'display')) for statement in always_done(body)): return True
    if not body or not isinstance(body[-1], ast.Expr): return False
    if source(cell).rstrip().endswith(';'): return False
    return calls(body[-1], ('finish', 'plot', 'show')) or not isinstance(body[-1].value, ast.Call)


@every_notebook
def test_every_cell_was_run(path):
    "Of those that print, end with a value or draw: nbdev_clean takes the numbers of the runs away."
    code = [cell for cell in cells(path, 'code') if is_run(cell) and leaves_something(cell)]
    assert not [source(cell) for cell in code if not cell['outputs']]


# ---- notebooks: prose

@every_notebook
def test_notebook_opens_with_a_title_and_a_summary(path):
    first = source(all_cells(path)[0]).splitlines()
    assert first[0].startswith('# ')
    assert any(line.startswith('> ') for line in first)


@every_notebook
def test_every_image_has_a_text(path):
    assert not re.search(r'!\[\s*\]\(', prose(path)), 'an image without alt text'


@every_notebook
def test_nothing_is_left_to_be_filled_in(path):
    assert not re.findall(r'\b(?:RESULT\d*|TODO|FIXME|TBD|PLACEHOLDER)\b', prose(path))
    assert 'PLACEHOLDER' not in read(path)


# ---- chapters and appendices, their questions, exercises and solutions

PARTS = ['After this chapter you can', '## What we learned', '## Quiz', '## Exercises', '**Next:**']


def solutions_of(path):
    return NBS/'solutions'/path.name


def number_of_exercises(path):
    _, heading, exercises = prose(path).partition('## Exercises')
    return len(re.findall(r'^\d+\. ', exercises, re.M))


def number_of_solutions(path):
    return prose(solutions_of(path)).count('## Exercise ')


def test_a_notebook_is_a_chapter_or_an_appendix():
    assert len(CHAPTERS) > 12
    above = {path for path in NOTEBOOKS if path.parent == NBS}
    assert above - {*CHAPTERS, *APPENDICES} == {NBS/'index.ipynb'}
    solved = {path.name for path in NOTEBOOKS if path.parent == NBS/'solutions'}
    assert solved <= {path.name for path in (*CHAPTERS, *APPENDICES)}


@pytest.mark.parametrize('path', CHAPTERS, ids=label)
def test_chapter_ends_with_questions_and_solutions(path):
    text = prose(path)
    for part in PARTS: assert part in text, f'no {part!r}'
    assert solutions_of(path).exists()
    assert 2 <= number_of_exercises(path) <= 4
    assert number_of_solutions(path) == number_of_exercises(path)


@pytest.mark.parametrize('path', APPENDICES, ids=label)
def test_exercises_of_an_appendix_are_solved(path):
    "It may have none; then there are no solutions either."
    if number_of_exercises(path) or solutions_of(path).exists():
        assert number_of_solutions(path) == number_of_exercises(path)


# ---- all files

def test_links_between_files_lead_somewhere():
    for path in [*NOTEBOOKS, ROOT/'README.md']:
        text = prose(path) if path.suffix == '.ipynb' else read(path)
        for target in re.findall(r'\]\(([^)#\s]+)\)', text):
            if '://' not in target: assert (path.parent/target).exists(), f'{path.name}: {target}'


def test_nothing_of_a_machine_is_in_the_files():
    files = [ROOT/name for name in run('git', 'ls-files').stdout.splitlines()]
    private = re.compile(r'/(?:root|work|home)/|/tmp/[a-z]')
    for path in files:
        if not path.is_file() or path.suffix not in TEXT or path.name == 'test_house.py': continue
        assert not private.search(read(path)), path
