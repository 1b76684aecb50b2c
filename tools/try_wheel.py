"""The package as its users get it: built, installed in an empty environment with what is current there, and used.

    python tools/try_wheel.py [--torch-args="--index-url …"] [--keep FOLDER]

It takes some minutes and downloads PyTorch. Exit status 1, with what was expected, if anything is wrong."""
import argparse, hashlib, json, os, shlex, shutil, subprocess, sys, tarfile, time, venv, zipfile
from email import message_from_bytes
from pathlib import Path
from tempfile import mkdtemp

ROOT = Path(__file__).resolve().parent.parent
MOST = 5e6   # bytes


def run(*args, cwd=None, status=0):
    "Run a command, its output kept; exit if it does not end with `status`."
    done = subprocess.run([str(a) for a in args], cwd=cwd, capture_output=True, text=True, env={k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'VIRTUAL_ENV')})
    if done.returncode != status: sys.exit(f'{shlex.join(map(str, args))}\nended with {done.returncode}; expected {status}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}')
    return done


def check(true, what):
    if not true: sys.exit(f'test-wheel: {what}')
    print(f'ok: {what}', flush=True)


def expected():
    "What belongs into the wheel, its metadata apart, and where it comes from."
    names = [Path(name) for name in run('git', 'ls-files', 'rnn_course', 'nbs', 'images', cwd=ROOT).stdout.splitlines()]
    kinds = {'.py', '.typed', '.ipynb', '.csv', '.safetensors', '.svg'}
    return {(name if name.parts[0] == 'rnn_course' else 'rnn_course'/name).as_posix(): ROOT/name for name in names if name.suffix in kinds}


def build(folder):
    "sdist and wheel from the files that git knows, so that nothing lying about gets in; then the wheel that the sdist makes."
    source, direct, indirect = (folder/name for name in ('source', 'direct', 'indirect'))
    for name in run('git', 'ls-files', cwd=ROOT).stdout.splitlines():
        (source/name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT/name, source/name)
    run(sys.executable, '-m', 'build', '--wheel', '--outdir', direct, source)
    shutil.rmtree(source/'build', ignore_errors=True)
    run(sys.executable, '-m', 'build', '--outdir', indirect, source)   # an sdist, and the wheel from it
    return next(direct.glob('*.whl')), next(indirect.glob('*.whl')), next(indirect.glob('*.tar.gz'))


def contents(wheel):
    "Name -> digest."
    with zipfile.ZipFile(wheel) as z: return {name: hashlib.sha256(z.read(name)).hexdigest() for name in z.namelist()}


def check_files(direct, indirect, sdist):
    held = contents(direct)
    check(held == contents(indirect), 'the sdist builds the same wheel, byte for byte in every file')
    files = {name: digest for name, digest in held.items() if '.dist-info/' not in name}
    wanted = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in expected().items()}
    odd = sorted(set(files) ^ set(wanted))
    check(not odd, 'the wheel holds the package, its notebooks, record, network and pictures, and nothing else' + f': {odd}'*bool(odd))
    check(files == wanted, 'each of them as it is in the project')
    check(direct.stat().st_size <= MOST, f'the wheel has {direct.stat().st_size/1e6:.1f} MB, at most {MOST/1e6:.0f}')
    with tarfile.open(sdist) as t: names = {'/'.join(name.split('/')[1:]) for name in t.getnames()}
    check({'tests/test_house.py', 'tools/run_notebooks.py', 'Makefile', 'settings.ini', 'CHANGELOG.md'} <= names, 'the sdist holds the tests and tools as well')


def check_metadata(wheel):
    with zipfile.ZipFile(wheel) as z: about = message_from_bytes(z.read(next(name for name in z.namelist() if name.endswith('.dist-info/METADATA'))))
    check(about['Requires-Python'] == '>=3.10' and about['License-Expression'] == 'Apache-2.0', 'the metadata says Python >=3.10 and Apache-2.0')
    check({'Source', 'Issues', 'Changes', 'Documentation'} <= {line.split(',')[0] for line in about.get_all('Project-URL')}, 'the metadata has the addresses')
    check(about['Description-Content-Type'] == 'text/markdown' and '](nbs/' not in about.get_payload() and '](images/' not in about.get_payload(), 'the description is README, its links lead somewhere from anywhere')


def use(folder, wheel, torch_args):
    "Install the wheel in an empty environment and do there what a user does."
    env, away = folder/'env', folder/'away'
    away.mkdir()
    venv.create(env, with_pip=True)
    bin = env/('Scripts' if os.name == 'nt' else 'bin')
    if torch_args: run(bin/'python', '-m', 'pip', 'install', '--quiet', 'torch', 'torchvision', *torch_args)
    run(bin/'python', '-m', 'pip', 'install', '--quiet', f'{wheel}[lab]')
    run(bin/'python', '-m', 'pip', 'check')
    versions = run(bin/'python', '-c', 'from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in ("torch", "fastai", "fastcore", "numpy", "pandas")), sep=", ")').stdout.strip()
    check(int(versions.split('fastcore ')[1].split('.')[0]) >= 2, f'installed in an empty environment: {versions}')
    command = bin/'rnn-course'
    where = run(bin/'python', '-c', 'from rnn_course.records import course_folder; print(course_folder())', cwd=away).stdout
    check(str(env) in where, 'the installed package is used, not the checkout')
    start = time.perf_counter()
    said = run(command, 'count', 'seven hundred ninety eight ,', '--n', '12', cwd=away).stdout.strip()
    check(said == 'seven hundred ninety nine , eight hundred , eight hundred one ,', f'count: {said} ({time.perf_counter()-start:.1f} s)')
    said = json.loads(run(command, 'train', 'gru', '--seed', '3', '--epochs', '2', '--save', 'gru.safetensors', '--json', cwd=away).stdout)
    check(said['accuracy'] > .4 and (away/'gru.safetensors').exists(), f'train: {100*said["accuracy"]:.1f} % after {said["epochs"]} epochs')
    said = json.loads(run(command, 'count', 'one , two ,', '--model', 'gru.safetensors', '--n', '5', '--json', cwd=away).stdout)
    check(len(said['tokens']) == 5, f'count with that network: {" ".join(said["tokens"])}')
    check('83.8' in run(command, 'table', cwd=away).stdout, 'table')
    check('05_gru' in run(command, 'list', cwd=away).stdout, 'list')
    done = run(command, 'count', 'zero ,', cwd=away, status=2)
    check('Traceback' not in done.stderr and "'zero'" in done.stderr, f'a mistake: {done.stderr.strip()[:90]} …')
    run(command, 'notebooks', 'course', cwd=away)
    check(len(list((away/'course').glob('*.ipynb'))) == len(list((ROOT/'nbs').glob('*.ipynb'))), 'notebooks: all chapters are there')
    for name in ('03_nn_rnn.ipynb', 'F_saving.ipynb', 'H_cli.ipynb', 'solutions/00_data.ipynb'):
        path = away/'course'/name
        run(bin/'jupyter', 'execute', path.name, cwd=path.parent)
        check(True, f'{name} runs there')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--torch-args', default='', help='what pip should be told when it installs torch')
    parser.add_argument('--keep', type=Path, help='a folder to leave everything in; default: one that is removed')
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
