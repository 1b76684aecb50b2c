"""The package as its users get it: built, installed in an empty environment with what is current, and used.

    python tools/try_wheel.py [--torch-args="--index-url …"] [--keep FOLDER]

It takes some minutes and downloads PyTorch. Exit status 1, with what was expected, if anything is wrong."""
import argparse, hashlib, json, os, shlex, shutil, subprocess, sys, tarfile, time, venv, zipfile
from email import message_from_bytes
from pathlib import Path
from tempfile import mkdtemp

ROOT = Path(__file__).resolve().parent.parent
MOST = 6e6   # bytes


def run(*args, cwd=None, status=0):
    "Run a command, its output kept; exit if it does not end with `status`."
    command = [str(arg) for arg in args]
    env = {name: value for name, value in os.environ.items() if name not in ('PYTHONPATH', 'VIRTUAL_ENV')}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=env)
    if done.returncode == status: return done
    output = f'{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    sys.exit(f'{shlex.join(command)}\nended with {done.returncode}; expected {status}\n{output}')


def check(true, what):
    if not true: sys.exit(f'test-wheel: {what}')
    print(f'ok: {what}', flush=True)


# ---- what is built, and what is in it

def known_to_git(*folders):
    return run('git', 'ls-files', *folders, cwd=ROOT).stdout.splitlines()


def place_in_wheel(name):
    "Notebooks and pictures are folders of the package once it is built."
    return name if name.startswith('rnn_course/') else f'rnn_course/{name}'


def expected():
    "What belongs into the wheel, its metadata apart, and where it comes from."
    kinds = {'.py', '.typed', '.ipynb', '.csv', '.safetensors', '.svg', '.png', '.js', '.css'}
    names = [name for name in known_to_git('rnn_course', 'nbs', 'images') if Path(name).suffix in kinds]
    return {place_in_wheel(name): ROOT/name for name in names}


def build(folder):
    "sdist and wheel from what git knows, nothing that lies about; then the wheel that the sdist makes."
    source, direct, indirect = folder/'source', folder/'direct', folder/'indirect'
    for name in known_to_git():
        (source/name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT/name, source/name)
    run(sys.executable, '-m', 'build', '--wheel', '--outdir', direct, source)
    shutil.rmtree(source/'build', ignore_errors=True)
    run(sys.executable, '-m', 'build', '--outdir', indirect, source)   # an sdist, and the wheel from it
    return next(direct.glob('*.whl')), next(indirect.glob('*.whl')), next(indirect.glob('*.tar.gz'))


def digest(content):
    return hashlib.sha256(content).hexdigest()


def contents(wheel):
    "Name -> digest."
    with zipfile.ZipFile(wheel) as archive:
        return {name: digest(archive.read(name)) for name in archive.namelist()}


def names_in_sdist(sdist):
    "Without the folder that all of them are in."
    with tarfile.open(sdist) as archive: return {name.partition('/')[2] for name in archive.getnames()}


def check_files(direct, indirect, sdist):
    held = contents(direct)
    check(held == contents(indirect), 'the sdist builds the same wheel, byte for byte in every file')
    files = {name: content for name, content in held.items() if '.dist-info/' not in name}
    wanted = {name: digest(path.read_bytes()) for name, path in expected().items()}
    odd = sorted(set(files) ^ set(wanted))
    what = 'the wheel holds the package, its notebooks, record, network and pictures, and nothing else'
    check(not odd, f'{what}: {odd}' if odd else what)
    check(files == wanted, 'each of them as it is in the project')
    size = direct.stat().st_size
    check(size <= MOST, f'the wheel has {size/1e6:.1f} MB, at most {MOST/1e6:.0f}')
    some = {'tests/test_house.py', 'tools/run_notebooks.py', 'Makefile', 'settings.ini', 'CHANGELOG.md'}
    check(some <= names_in_sdist(sdist), 'the sdist holds the tests and tools as well')


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith('.dist-info/METADATA')]
        return message_from_bytes(archive.read(name))


def check_metadata(wheel):
    about = metadata(wheel)
    known = about['Requires-Python'], about['License-Expression']
    check(known == ('>=3.10', 'Apache-2.0'), 'the metadata says Python >=3.10 and Apache-2.0')
    addresses = {line.split(',')[0] for line in about.get_all('Project-URL')}
    check({'Source', 'Issues', 'Changes', 'Documentation'} <= addresses, 'the metadata has the addresses')
    text = about.get_payload()
    leads_somewhere = '](nbs/' not in text and '](images/' not in text
    check(about['Description-Content-Type'] == 'text/markdown' and leads_somewhere,
          'the description is README, its links lead somewhere from anywhere')


# ---- the package in use

VERSIONS = '''
from importlib.metadata import version
names = 'torch', 'fastai', 'fastcore', 'numpy', 'pandas'
print(', '.join(f'{name} {version(name)}' for name in names))'''
FOLDER = 'from rnn_course.records import course_folder; print(course_folder())'


def install(env, wheel, torch_args):
    "Make an environment with the wheel in it; its folder of commands."
    venv.create(env, with_pip=True)
    bin = env/('Scripts' if os.name == 'nt' else 'bin')
    pip = bin/'python', '-m', 'pip'
    if torch_args: run(*pip, 'install', '--quiet', 'torch', 'torchvision', *torch_args)
    run(*pip, 'install', '--quiet', f'{wheel}[lab]')
    run(*pip, 'check')
    return bin


def check_installed(env, bin, away):
    versions = run(bin/'python', '-c', VERSIONS).stdout.strip()
    fastcore = versions.split('fastcore ')[1].split('.')[0]
    check(int(fastcore) >= 2, f'installed in an empty environment: {versions}')
    where = run(bin/'python', '-c', FOLDER, cwd=away).stdout
    check(str(env) in where, 'the installed package is used, not the checkout')


def check_count(command, away):
    start = time.perf_counter()
    said = run(command, 'count', 'seven hundred ninety eight ,', '--n', '12', cwd=away).stdout.strip()
    right = 'seven hundred ninety nine , eight hundred , eight hundred one ,'
    check(said == right, f'count: {said} ({time.perf_counter()-start:.1f} s)')


def check_train(command, away):
    "And the network that it saved counts."
    options = ['--seed', '3', '--epochs', '2', '--save', 'gru.safetensors', '--json']
    said = json.loads(run(command, 'train', 'gru', *options, cwd=away).stdout)
    learned = said['accuracy'] > .4 and (away/'gru.safetensors').exists()
    check(learned, f'train: {100*said["accuracy"]:.1f} % after {said["epochs"]} epochs')
    options = ['--model', 'gru.safetensors', '--n', '5', '--json']
    said = json.loads(run(command, 'count', 'one , two ,', *options, cwd=away).stdout)
    check(len(said['tokens']) == 5, f'count with that network: {" ".join(said["tokens"])}')


def check_other_commands(command, away):
    check('83.8' in run(command, 'table', cwd=away).stdout, 'table')
    check('05_gru' in run(command, 'list', cwd=away).stdout, 'list')
    said = run(command, 'count', 'zero ,', cwd=away, status=2).stderr
    check('Traceback' not in said and "'zero'" in said, f'a mistake: {said.strip()[:90]} …')


def check_notebooks(command, bin, away):
    course = away/'course'
    run(command, 'notebooks', 'course', cwd=away)
    here, there = len(list((ROOT/'nbs').glob('*.ipynb'))), len(list(course.glob('*.ipynb')))
    check(there == here, 'notebooks: all chapters are there')
    for name in ('03_nn_rnn.ipynb', 'F_saving.ipynb', 'H_cli.ipynb', 'solutions/00_data.ipynb'):
        path = course/name
        run(bin/'jupyter', 'execute', path.name, cwd=path.parent)
        check(True, f'{name} runs there')


def use(folder, wheel, torch_args):
    "Install the wheel in an empty environment and do there what a user does."
    env, away = folder/'env', folder/'away'
    away.mkdir()
    bin = install(env, wheel, torch_args)
    check_installed(env, bin, away)
    command = bin/'rnn-course'
    check_count(command, away)
    check_train(command, away)
    check_other_commands(command, away)
    check_notebooks(command, bin, away)


# ---- the command

def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--torch-args', default='', help='what pip should be told when it installs torch')
    parser.add_argument('--keep', type=Path, help='where everything stays; default: a folder that is removed')
    args = parser.parse_args()
    folder = args.keep or Path(mkdtemp(prefix='test-wheel-'))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        direct, indirect, sdist = build(folder)
        check_files(direct, indirect, sdist)
        check_metadata(direct)
        use(folder, direct, shlex.split(args.torch_args))
    finally:
        if not args.keep: shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__': main()
