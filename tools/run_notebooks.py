"""Run notebooks top to bottom in a real kernel, each from the folder it lives in.

    python tools/run_notebooks.py [--all] [--jobs N] [--save] [--table] [NOTEBOOK ...]

Without --save the executed copies go to build/course and no tracked file changes; with it the notebooks keep their
outputs. With --table the run ends with the results: the article's accuracy, this run's, the record's, and the ceiling. A notebook that fails is named, with its cell and error, and the exit status is 1."""
import argparse, os, re, sys, time, warnings
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'


def notebooks():
    "Every notebook of the course, in reading order: the chapters, their solutions, the index last."
    found = [p for p in sorted(NBS.rglob('*.ipynb')) if '.ipynb_checkpoints' not in p.parts and not p.name.startswith('_')]
    rank = lambda p: (p.stem == 'index', 'solutions' in p.parts, p.name)
    return sorted(found, key=rank)


def chapters():
    "The notebooks without the solutions."
    return [p for p in notebooks() if 'solutions' not in p.parts]


def skipped(cell):
    "A cell marked `#| eval: false` is for readers who choose to run it."
    return cell.cell_type == 'code' and any(line.replace(' ', '') == '#|eval:false' for line in cell.source.splitlines()[:5])


def run(path, timeout=1200):
    "Execute one notebook; returns `(notebook, error)`, error None if all went well."
    nb = nbformat.read(path, as_version=4)
    kept = {}
    for i, cell in enumerate(nb.cells):
        if skipped(cell): cell.metadata['tags'] = ['skip-execution']; kept[i] = cell
    client = NotebookClient(nb, timeout=timeout, kernel_name='python3', skip_cells_with_tag='skip-execution', extra_arguments=['--log-level=ERROR'],
                            resources={'metadata': {'path': str(path.parent)}})
    error = None
    try: client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as e: error = e
    except RuntimeError as e: error = e   # the kernel died before it answered
    for cell in kept.values(): cell.metadata.pop('tags', None)
    return nb, error


def failed_cell(nb):
    "The number and source of the cell that failed, for the message."
    for i, cell in enumerate(nb.cells):
        for out in cell.get('outputs', []):
            if out.output_type == 'error': return i, cell.source, f'{out.ename}: {out.evalue}'
    ran = [i for i, cell in enumerate(nb.cells) if cell.cell_type == 'code' and cell.get('execution_count')]
    i = ran[-1] + 1 if ran else 0
    return i, nb.cells[min(i, len(nb.cells)-1)].source, ''


def results(nb):
    "What the cells marked `#| result: NAME` said: name -> (accuracy in per cent, seconds)."
    found = {}
    for cell in nb.cells:
        mark = re.search(r'^#\|\s*result:\s*(\S+)', cell.source, re.M) if cell.cell_type == 'code' else None
        if not mark: continue
        said = [re.search(r'Scores\(accuracy=([\d.]+)', out.data.get('text/plain', '')) for out in cell.outputs if 'data' in out]
        when = cell.metadata.get('execution', {})
        start, end = (datetime.fromisoformat(when[k].replace('Z', '+00:00')) for k in ('iopub.execute_input', 'shell.execute_reply'))
        found[mark[1]] = 100*float(next(m for m in said if m)[1]), (end - start).total_seconds()
    return found


def print_table(found):
    "The article's accuracy, this run's, the record's mean and spread, and seconds to train, for each recipe; and the ceiling."
    sys.path.insert(0, str(ROOT))
    warnings.filterwarnings('ignore', message='.*torch.jit.script.*')   # fastai calls it on import; nothing a reader could do
    from rnn_course.ceiling import oracle_accuracy
    from rnn_course.recipes import RECIPES, summary
    record = summary(folder=NBS/'results')
    print(f'\nvalidation accuracy, %   {"article":>8} {"this run":>9} {"on record (20 seeds)":>21} {"seconds to train":>17}')
    for name in RECIPES:
        here, seconds = found.get(name, (float('nan'), float('nan')))
        row = record.loc[name]
        print(f'{name:24} {row.article:8.1f} {here:9.1f} {row["mean"]:14.1f} ± {row.sd:4.1f} {seconds:17.0f}')
    print(f'{"the ceiling":24} {"":8} {"":9} {100*oracle_accuracy(64):14.1f}          what is achievable at all, see chapter 9')


def run_all(paths, save=False, out=ROOT/'build'/'course', jobs=1):
    "Run `paths`, `jobs` at a time, with a line for each as it ends; returns the names of those that failed, and the results."
    failures, found, began = [], {}, time.time()
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))   # the kernels find the package
    def timed(path):
        start = time.time()
        return path, *run(path), time.time() - start
    with ThreadPoolExecutor(jobs) as pool:
        ended = as_completed([pool.submit(timed, path) for path in paths])
        try:
            for n, future in enumerate(ended, 1):
                path, nb, error, seconds = future.result()
                name = path.relative_to(NBS).as_posix()
                target = path if save and error is None else out/path.relative_to(NBS)
                target.parent.mkdir(parents=True, exist_ok=True)
                nbformat.write(nb, target)
                print(f'[{n:2}/{len(paths)}] {name:34}{seconds:6.1f} s' + ('  FAILED' if error else ''), flush=True)
                if error is None: found.update(results(nb)); continue
                failures.append(name)
                index, source, message = failed_cell(nb)
                print(f'\n{name}, cell {index}:\n\n{source}\n\n{message or error}\n', flush=True)
        except KeyboardInterrupt: pool.shutdown(wait=False, cancel_futures=True); raise
    print(f'{len(paths)-len(failures)} of {len(paths)} notebooks ran in {time.time()-began:.0f} s')
    return failures, found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('notebooks', nargs='*', type=Path, help='default: all chapters')
    parser.add_argument('--all', action='store_true', help='the solutions as well')
    parser.add_argument('--jobs', type=int, default=1, help='notebooks at a time; default: %(default)s')
    parser.add_argument('--save', action='store_true', help='keep the outputs in the notebooks themselves')
    parser.add_argument('--table', action='store_true', help='end with the table of results')
    args = parser.parse_args()
    paths = [p.resolve() for p in args.notebooks] or (notebooks() if args.all else chapters())
    missing = [p for p in paths if not p.exists()]
    if missing: sys.exit(f'no such notebook: {missing[0]}')
    if not paths: sys.exit(f'no notebooks under {NBS}')
    try: failures, found = run_all(paths, save=args.save, jobs=max(args.jobs, 1))
    except KeyboardInterrupt: sys.exit('\ninterrupted')
    if args.table: print_table(found)
    if failures: sys.exit(f'failed: {", ".join(failures)}')


if __name__ == '__main__': main()
