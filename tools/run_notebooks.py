"""Run notebooks top to bottom in a real kernel, each from the folder it lives in.

    python tools/run_notebooks.py [--all] [--jobs N] [--save] [--table] [NOTEBOOK ...]

Without --save the executed copies go to build/course and no tracked file changes; with it the notebooks keep
their outputs. With --table the run ends with the results: the article's accuracy, this run's, the record's,
and the ceiling. A notebook that fails is named, with its cell and error, and the exit status is 1."""
import argparse, os, re, sys, time, warnings
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from datetime import datetime
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'
# the last: the kernel died before it answered
os.environ['RNN_COURSE_LIVE'] = 'still'   # what is saved is a picture; the site brings it to life
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError)


# ---- which notebooks

def reading_order(path):
    "The chapters, their solutions, the index last."
    return path.stem == 'index', 'solutions' in path.parts, path.stem != '00_start', path.name


def notebooks():
    "Every notebook of the course, in reading order."
    found = [path for path in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in path.parts]
    return sorted((path for path in found if not path.name.startswith('_')), key=reading_order)


def chapters():
    "The notebooks without the solutions."
    return [path for path in notebooks() if 'solutions' not in path.parts]


# ---- one notebook

def skipped(cell):
    "A cell marked `#| eval: false` is for readers who choose to run it."
    lines = [line.replace(' ', '') for line in cell.source.splitlines()[:5]]
    return cell.cell_type == 'code' and '#|eval:false' in lines


def run(path, timeout=1200):
    "Execute one notebook; returns `(notebook, error)`, error None if all went well."
    nb = nbformat.read(path, as_version=4)
    not_run = [cell for cell in nb.cells if skipped(cell)]
    for cell in not_run: cell.metadata['tags'] = ['skip-execution']
    client = NotebookClient(
        nb,
        timeout=timeout,
        kernel_name='python3',
        skip_cells_with_tag='skip-execution',
        coalesce_streams=True,   # words printed one by one are one output
        extra_arguments=['--log-level=ERROR'],
        resources={'metadata': {'path': str(path.parent)}},
    )
    error = None
    try: client.execute()
    except FAILURES as e: error = e
    for cell in not_run: cell.metadata.pop('tags', None)
    return nb, error


def failed_cell(nb):
    "The number and source of the cell that failed, and its message."
    for i, cell in enumerate(nb.cells):
        for out in cell.get('outputs', []):
            if out.output_type == 'error': return i, cell.source, f'{out.ename}: {out.evalue}'
    # no cell has an error: the kernel died, in the cell after the last that was run
    ran = [i for i, cell in enumerate(nb.cells) if cell.cell_type == 'code' and cell.get('execution_count')]
    next_one = ran[-1] + 1 if ran else 0
    return next_one, nb.cells[min(next_one, len(nb.cells)-1)].source, ''


def smaller(picture):
    "A PNG in base64 with 256 colours at most: plots have few, and their files become a third as long."
    drawn = Image.open(BytesIO(b64decode(picture))).convert('RGB')
    few = drawn.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    file = BytesIO()
    few.save(file, 'PNG', optimize=True)
    return min(b64encode(file.getvalue()).decode() + '\n', picture, key=len)


def with_smaller_pictures(nb):
    for cell in nb.cells:
        for out in cell.get('outputs', []):
            data = out.get('data', {})
            if 'image/png' in data: data['image/png'] = smaller(data['image/png'])
    return nb


# ---- the results that a notebook reports

def accuracy_in(cell):
    "The first accuracy that a cell's outputs show, in per cent."
    for out in cell.outputs:
        text = out.data.get('text/plain', '') if 'data' in out else ''
        shown = re.search(r'Scores\(accuracy=([\d.]+)', text)
        if shown: return 100*float(shown[1])
    raise ValueError(f'a cell marked as a result shows no Scores:\n{cell.source}')


def moment(text):
    return datetime.fromisoformat(text.replace('Z', '+00:00'))


def seconds_of(cell):
    "How long a cell ran."
    times = cell.metadata['execution']
    start, end = times['iopub.execute_input'], times['shell.execute_reply']
    return (moment(end) - moment(start)).total_seconds()


def results(nb):
    "What the cells marked `#| result: NAME` said: name -> (accuracy in per cent, seconds)."
    found = {}
    for cell in nb.cells:
        mark = re.search(r'^#\|\s*result:\s*(\S+)', cell.source, re.M)
        if cell.cell_type == 'code' and mark: found[mark[1]] = accuracy_in(cell), seconds_of(cell)
    return found


def print_table(found):
    "For each recipe the article's accuracy, this run's, the record's, and seconds to train; and the ceiling."
    sys.path.insert(0, str(ROOT))
    warnings.filterwarnings('ignore', message='.*torch.jit.script.*')   # fastai's, not the reader's
    from rnn_course.ceiling import oracle_accuracy
    from rnn_course.recipes import RECIPES, summary
    record = summary(folder=NBS/'results')
    unknown = float('nan'), float('nan')
    head = f'{"article":>8} {"this run":>9} {"on record (20 seeds)":>21} {"seconds to train":>17}'
    print(f'\nvalidation accuracy, %   {head}')
    for name in RECIPES:
        here, seconds = found.get(name, unknown)
        row = record.loc[name]
        print(f'{name:24} {row.article:8.1f} {here:9.1f} {row["mean"]:14.1f} ± {row.sd:4.1f} {seconds:17.0f}')
    about = 'what is achievable at all, see chapter 9'
    print(f'{"the ceiling":24} {"":8} {"":9} {100*oracle_accuracy(64):14.1f}          {about}')


# ---- all of them

def timed(path):
    "Run a notebook; returns its path, the notebook, its error and the seconds that it took."
    start = time.time()
    nb, error = run(path)
    return path, nb, error, time.time() - start


def as_they_end(paths, jobs):
    "Run notebooks, `jobs` at a time, and yield what `timed` says of each as it ends."
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for future in as_completed([pool.submit(timed, path) for path in paths]): yield future.result()
        finally: pool.shutdown(wait=False, cancel_futures=True)   # interrupted, those that wait are not begun


def keep(nb, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(with_smaller_pictures(nb), target)


def let_kernels_find_the_package():
    known = os.environ.get('PYTHONPATH')
    os.environ['PYTHONPATH'] = os.pathsep.join([str(ROOT), known] if known else [str(ROOT)])


def report(name, nb, error, seconds, counter):
    "A line; after a failure the cell as well."
    failed = '  FAILED' if error else ''
    print(f'{counter} {name:34}{seconds:6.1f} s{failed}', flush=True)
    if error is None: return
    index, source, message = failed_cell(nb)
    print(f'\n{name}, cell {index}:\n\n{source}\n\n{message or error}\n', flush=True)


def run_all(paths, save=False, out=ROOT/'build'/'course', jobs=1):
    "Run notebooks, with a line for each as it ends; returns the names of those that failed, and the results."
    failures, found, began = [], {}, time.time()
    let_kernels_find_the_package()
    with closing(as_they_end(paths, jobs)) as ended:
        for n, (path, nb, error, seconds) in enumerate(ended, 1):
            below = path.relative_to(NBS)
            keep(nb, path if save and error is None else out/below)
            report(below.as_posix(), nb, error, seconds, f'[{n:2}/{len(paths)}]')
            if error is None: found.update(results(nb))
            else: failures.append(below.as_posix())
    print(f'{len(paths)-len(failures)} of {len(paths)} notebooks ran in {time.time()-began:.0f} s')
    return failures, found


# ---- the command

def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('notebooks', nargs='*', type=Path, help='default: all chapters')
    parser.add_argument('--all', action='store_true', help='the solutions as well')
    parser.add_argument('--jobs', type=int, default=1, help='notebooks at a time; default: %(default)s')
    parser.add_argument('--save', action='store_true', help='keep the outputs in the notebooks themselves')
    parser.add_argument('--table', action='store_true', help='end with the table of results')
    return parser.parse_args()


def wanted(args):
    "The notebooks that were asked for."
    paths = [path.resolve() for path in args.notebooks]
    if not paths: paths = notebooks() if args.all else chapters()
    missing = [path for path in paths if not path.exists()]
    if missing: sys.exit(f'no such notebook: {missing[0]}')
    if not paths: sys.exit(f'no notebooks under {NBS}')
    return paths


def main():
    args = arguments()
    paths = wanted(args)
    try: failures, found = run_all(paths, save=args.save, jobs=max(args.jobs, 1))
    except KeyboardInterrupt: sys.exit('\ninterrupted')
    if args.table: print_table(found)
    if failures: sys.exit(f'failed: {", ".join(failures)}')


if __name__ == '__main__': main()
