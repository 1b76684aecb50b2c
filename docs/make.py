"""Build the site: `python docs/make.py build` writes build/site. Every warning is an error."""
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx
from stage import stage

HERE = Path(__file__).parent
NODE_MODULES = Path(sys.prefix)/'node'/'node_modules'


def make(folder, node_modules=NODE_MODULES):
    "Stage and build in `folder`; 0 if all went well."
    folder = Path(folder)
    staged, doctrees, site = folder/'stage', folder/'doctrees', folder/'site'
    for part in (doctrees, site):
        shutil.rmtree(part, ignore_errors=True)
    stage(staged, node_modules)
    strict = ['-q', '-W', '--keep-going']
    return sphinx([*strict, '-c', str(HERE), '-d', str(doctrees), str(staged), str(site)])


if __name__ == '__main__':
    sys.exit(make(sys.argv[1]))
