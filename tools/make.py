"""Everything that there is to do in this project, with nothing but Python:

    python tools/make.py TASK          make TASK is the same, where there is make

The environment is made in .venv at the first call, and again when settings.ini changes. It reads these
variables: VENV, another folder; TORCH_ARGS, what pip is told about PyTorch (see README); NB, a notebook."""
import os
import shlex
import shutil
import subprocess
import sys
import venv
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT/(os.environ.get('VENV') or '.venv')
BIN = VENV/('Scripts' if os.name == 'nt' else 'bin')
PYTHON = BIN/('python.exe' if os.name == 'nt' else 'python')


def run(*args, env=None):
    "Run a command in the project's folder; end with its status if it fails."
    command = [str(arg) for arg in args]
    try: status = subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}).returncode
    except KeyboardInterrupt: status = 130
    if status: sys.exit(status)


def requirements(extra):
    "What settings.ini lists under a name."
    settings = ConfigParser(delimiters=['='])
    settings.read(ROOT/'settings.ini', encoding='utf-8')
    return settings['DEFAULT'][f'{extra}_requirements'].split()


def is_fresh(marker, *sources):
    "Was the marker made after the last change of all sources?"
    return marker.exists() and all(marker.stat().st_mtime > source.stat().st_mtime for source in sources)


def pip_install(*what): run(PYTHON, '-m', 'pip', 'install', '--quiet', *what)


def make_venv():
    if PYTHON.exists(): return
    venv.create(VENV, with_pip=True)


def env():
    "the environment: the package as it is here, and what its notebooks and tests need"
    ready = VENV/'.ready'
    if is_fresh(ready, ROOT/'settings.ini', ROOT/'setup.py', ROOT/'pyproject.toml'): return
    print(f'Making the environment in {VENV}; the first time this downloads PyTorch.', flush=True)
    make_venv()
    torch_args = shlex.split(os.environ.get('TORCH_ARGS', ''))
    if torch_args: pip_install('torch', 'torchvision', *torch_args)
    pip_install('-e', '.[dev]')
    ready.touch()


def course():
    "every chapter run, and the table of results"
    env()
    print('Running the chapters, two at a time; the results come at the end.', flush=True)
    run(PYTHON, 'tools/run_notebooks.py', '--table', '--jobs', '2')
    print('To open the chapters: make lab')


def test():
    "every notebook and every test"
    env()
    run(PYTHON, '-m', 'pytest', 'tests', '-n', 'auto', '--dist', 'worksteal')


def lint():
    "mistakes, dead code and crowded lines, in modules, notebooks and the project's own files"
    env()
    run(PYTHON, '-m', 'ruff', 'check', '.')
    for schema, files in SCHEMAS.items():
        run(PYTHON, '-m', 'check_jsonschema', '--builtin-schema', schema, '--quiet', *files)


SCHEMAS = {
    'vendor.github-workflows': sorted(ROOT.glob('.github/workflows/*.yml')),
    'vendor.dependabot': [ROOT/'.github'/'dependabot.yml'],
    'vendor.github-issue-forms': sorted(ROOT.glob('.github/ISSUE_TEMPLATE/[!c]*.yml')),
    'vendor.citation-file-format': [ROOT/'CITATION.cff'],
}


def types():
    "the package's annotations, checked"
    env()
    run(PYTHON, '-m', 'mypy')


def quick():
    "lint, types, and the tests of what everything else stands on; within two minutes"
    lint()
    types()
    run(PYTHON, '-m', 'pytest', 'tests', '--quick', '-q', '-n', 'auto', '--dist', 'worksteal')


def test_wheel():
    "the package built, and used in an empty environment as its users have it; downloads PyTorch"
    env()
    run(PYTHON, 'tools/try_wheel.py', f"--torch-args={os.environ.get('TORCH_ARGS', '')}")


def lab():
    "JupyterLab on the chapters"
    env()
    run(PYTHON, '-m', 'jupyter', 'lab', 'nbs')


def study():
    "the record anew, many seeds of everything: some five hours on two cores; interrupt it as you like"
    env()
    run(BIN/'rnn-course', 'study', '--folder', 'nbs/results')


def site_env():
    "what the site is built and tested with: Sphinx from PyPI, MathJax and a browser's driver from npm"
    ready, package = VENV/'.site', ROOT/'docs'/'package.json'
    if is_fresh(ready, ROOT/'settings.ini', package): return
    npm = shutil.which('npm')
    if npm is None:
        sys.exit('npm is missing: the site takes MathJax from it. It comes with Node.js, from nodejs.org, '
                 'or apt-get install npm, or brew install node')
    make_venv()
    pip_install(*requirements('site'))
    node = VENV/'node'
    node.mkdir(exist_ok=True)
    shutil.copy(package, node)
    quiet = ['--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    run(npm, 'install', *quiet, '--prefix', node)
    ready.touch()


def site():
    "the chapters and the API as a site to read, build/site/index.html; needs neither PyTorch nor a run"
    site_env()
    run(PYTHON, 'docs/make.py', 'build')
    print('Open build/site/index.html')


def stills():
    "for contributors: the pictures of the live figures taken anew, in a browser that nobody sees"
    site()
    browsers = map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))
    chromium = os.environ.get('CHROMIUM') or next(filter(None, browsers), None)
    node = shutil.which('node')
    if not chromium or not node: sys.exit('the pictures are taken with Node.js and Chromium; one is missing')
    run(node, 'docs/stills.mjs', 'build/site', VENV/'node'/'node_modules', chromium, 'images')


def export():
    "for contributors: notebooks cleaned, the package exported from them"
    env()
    run(PYTHON, 'tools/fold.py')
    run(BIN/'nbdev_clean')
    run(BIN/'nbdev_export')


def notebooks():
    "for contributors: the notebooks run and their outputs kept, or the one that NB names; then exported"
    env()
    run(BIN/'nbdev_export')
    wanted = shlex.split(os.environ.get('NB', ''))
    run(PYTHON, 'tools/run_notebooks.py', '--all', '--save', *wanted, env={'RNN_COURSE_CACHE': 'off'})
    export()
    readme()


def readme():
    "for contributors: README.md from nbs/index.ipynb"
    env()
    run(PYTHON, 'tools/readme.py')


def clean():
    "what was built is removed; the environment stays"
    for path in (ROOT/'build', ROOT/'dist', *ROOT.glob('*.egg-info')): shutil.rmtree(path, ignore_errors=True)


FUNCTIONS = (course, test, lab, quick, lint, types, test_wheel, site, study,
             notebooks, export, readme, stills, env, site_env, clean)
TASKS = {function.__name__.replace('_', '-'): function for function in FUNCTIONS}


def main():
    if sys.version_info < (3, 10): sys.exit(f'{sys.executable} is older than Python 3.10')
    name = sys.argv[1] if len(sys.argv) == 2 else None
    if name in TASKS: return TASKS[name]()
    print('usage: python tools/make.py TASK\n')
    for task, function in TASKS.items(): print(f'  {task:12} {function.__doc__}')
    sys.exit(2)


if __name__ == '__main__': main()
