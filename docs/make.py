"""Build the site: `python docs/make.py build` writes build/site. Every warning is an error."""
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx
from stage import stage


def make(folder, node_modules=Path(sys.prefix)/'node'/'node_modules'):
    "Stage and build in `folder`; 0 if all went well."
    folder = Path(folder)
    for part in ('site', 'doctrees'): shutil.rmtree(folder/part, ignore_errors=True)
    stage(folder/'stage', node_modules)
    return sphinx(['-q', '-W', '--keep-going', '-c', str(Path(__file__).parent), '-d', str(folder/'doctrees'), str(folder/'stage'), str(folder/'site')])


if __name__ == '__main__': sys.exit(make(sys.argv[1]))
