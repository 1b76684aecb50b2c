"""The house: export in step, notebooks clean and with their outputs, imports in one direction, nothing private in them."""
import ast
import json
import re

import pytest
from conftest import BIN, NBS, NOTEBOOKS, ROOT, python, run

UP = 'data drawing files training single_output stateful nn_rnn deep gru recipes lstm gradients ceiling counting adapt regularise bench saving pocket cli'.split()   # a module may import those before it
TEXT = {'.py', '.md', '.ini', '.ipynb', '.svg', '.csv', '.txt', ''}
def source(cell): return ''.join(cell['source'])
def cells(path, kind): return [c for c in json.loads(path.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == kind]
def prose(path): return '\n'.join(map(source, cells(path, 'markdown')))


def test_export_and_clean_are_in_step(project):
    git = ['git', '-c', 'user.name=test', '-c', 'user.email=test@example.com']
    for args in (['init', '-q', '.'], ['add', '-A'], ['commit', '-qm', 'as it is']): run(*git, *args, cwd=project)
    for command in ('nbdev_clean', 'nbdev_export'): run(BIN/command, cwd=project, env={'PYTHONPATH': str(project)})
    assert run('git', 'status', '--porcelain', cwd=project).stdout == ''


def test_readme_is_made_from_index(project):
    before = (project/'README.md').read_text(encoding='utf-8')
    run(BIN/'python', 'tools/readme.py', cwd=project)
    assert (project/'README.md').read_text(encoding='utf-8') == before


def test_every_module_is_in_the_house_and_imports_upwards():
    modules = {p.stem for p in (ROOT/'rnn_course').glob('*.py')} - {'__init__', '_modidx'}
    assert modules == set(UP)
    for name in modules:
        for node in ast.walk(ast.parse((ROOT/'rnn_course'/f'{name}.py').read_text(encoding='utf-8'))):
            if isinstance(node, ast.ImportFrom): assert not any(a.name == '*' for a in node.names), f'{name}: star import'
            ours = isinstance(node, ast.ImportFrom) and (node.level or (node.module or '').startswith('rnn_course.'))
            if ours: assert UP.index(node.module.split('.')[-1]) < UP.index(name), f'{name} imports {node.module}'


@pytest.mark.parametrize('name', ['data', 'single_output', 'stateful', 'nn_rnn', 'deep', 'gru', 'lstm'])
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
    said = python("import sys; from rnn_course.cli import main; main(['count', 'one , two ,', '--n', '3']); print([m for m in ('torch', 'fastai', 'pandas') if m in sys.modules])").stdout
    assert said.splitlines() == ['three , four', '[]']


def test_public_functions_are_annotated():
    def bare(f, skip):
        a = f.args
        given = [*a.posonlyargs, *a.args, *a.kwonlyargs][skip:] + [v for v in (a.vararg, a.kwarg) if v]
        implicit = [x for x, d in zip(a.args[::-1], a.defaults[::-1]) if isinstance(d, ast.Constant) and d.value is None and x.annotation and 'None' not in ast.unparse(x.annotation)]
        return [x.arg for x in [*(x for x in given if not x.annotation), *implicit]] + ['return']*(not f.returns and f.name != '__init__')
    public = lambda node: not node.name.startswith('_') or node.name in ('__init__', '__call__')
    found = {}
    for path in (ROOT/'rnn_course').glob('*.py'):
        for node in ast.parse(path.read_text(encoding='utf-8')).body:
            if isinstance(node, ast.FunctionDef) and public(node): found[path.stem, node.name] = bare(node, 0)
            if isinstance(node, ast.ClassDef) and public(node):
                for f in node.body:
                    if isinstance(f, ast.FunctionDef) and public(f): found[path.stem, node.name, f.name] = bare(f, 1)
    assert len(found) > 150 and not {name: args for name, args in found.items() if args}
    assert (ROOT/'rnn_course'/'py.typed').exists()


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.relative_to(NBS).as_posix())
def test_notebook_is_fit_to_be_read(path):
    code = [c for c in cells(path, 'code') if source(c).strip()]
    outputs = [o for c in code for o in c['outputs']]
    assert path.stat().st_size < 1_000_000
    assert not [o for o in outputs if o['output_type'] == 'error']
    assert sum(bool(c['outputs']) for c in code) >= (1 if path.stem == 'index' else .25*len(code)), 'not run, or saved without outputs'
    first = source(json.loads(path.read_text(encoding='utf-8'))['cells'][0]).splitlines()
    assert first[0].startswith('# ') and any(line.startswith('> ') for line in first)
    assert not re.search(r'!\[\s*\]\(', prose(path)), 'an image without alt text'
    assert 'PLACEHOLDER' not in path.read_text(encoding='utf-8')


@pytest.mark.parametrize('path', [p for p in NOTEBOOKS if p.parent == NBS and p.stem not in ('index', 'C_drawing', 'B_records', 'H_cli')], ids=lambda p: p.stem)
def test_chapter_ends_with_questions_and_solutions(path):
    text = prose(path)
    for part in ('After this chapter you can', '## What we learned', '## Questionnaire', '## Exercises', '**Next:**'): assert part in text, f'no {part!r}'
    solved = NBS/'solutions'/path.name
    assert solved.exists()
    asked = len(re.findall(r'^\d+\. ', text[text.index('## Exercises'):], re.M))
    assert 2 <= asked <= 4 and prose(solved).count('## Exercise ') == asked


def test_links_between_files_lead_somewhere():
    for path in [*NOTEBOOKS, ROOT/'README.md']:
        text = prose(path) if path.suffix == '.ipynb' else path.read_text(encoding='utf-8')
        for target in re.findall(r'\]\(([^)#\s]+)\)', text):
            if '://' not in target: assert (path.parent/target).exists(), f'{path.name}: {target}'


def test_nothing_of_a_machine_is_in_the_files():
    files = [ROOT/name for name in run('git', 'ls-files').stdout.split('\n') if name]
    private = re.compile(r'/(?:root|work|home)/|/tmp/[a-z]')
    for path in files:
        if path.is_file() and path.suffix in TEXT and path.name != 'test_house.py':
            assert not private.search(path.read_text(encoding='utf-8')), path
