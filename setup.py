"""Packages `rnn_course`, from settings.ini: modules, and within them notebooks, their record and pictures."""
import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

here = Path(__file__).parent
config = ConfigParser(delimiters=['='])
config.read(here/'settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
lib, user, repo, branch = cfg['lib_path'], cfg['user'], cfg['repo'], cfg['branch']

url = f'https://github.com/{user}/{repo}'
pictures = f'https://raw.githubusercontent.com/{user}/{repo}/{branch}'
files = f'{url}/blob/{branch}'

# What README links to is not beside it in a package index.
readme = (here/'README.md').read_text(encoding='utf-8')
readme = re.sub(r'\]\((images/[^)]*)\)', rf']({pictures}/\1)', readme)
readme = re.sub(r'\]\(([\w./]+)\)', rf']({files}/\1)', readme)

# Folders of the project that are folders of the package once it is installed, and what is taken along.
inside = {
    'nbs': ['*.ipynb'],
    'nbs/solutions': ['*.ipynb'],
    'nbs/results': ['*.csv', '*.safetensors'],
    'nbs/live': ['*.js', '*.css'],
    'images': ['*.svg', 'live-*.png'],
}
named = {f"{lib}.{folder.replace('/', '.')}": folder for folder in inside}
package_data = {name: inside[folder] for name, folder in named.items()}

setup(
    name=cfg['lib_name'],
    version=cfg['version'],
    description=cfg['description'],
    long_description=readme,
    long_description_content_type='text/markdown',
    author=cfg['author'],
    author_email=cfg['author_email'],
    license_expression='Apache-2.0',
    license_files=['LICENSE'],
    keywords=cfg['keywords'],
    url=url,
    project_urls={
        'Source': url,
        'Issues': f'{url}/issues',
        'Changes': f'{files}/CHANGELOG.md',
        'Documentation': f'https://{user}.github.io/{repo}/',
    },
    packages=[lib, *named],
    package_dir=named,
    package_data={lib: ['py.typed'], **package_data},
    include_package_data=False,
    zip_safe=False,
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg['requirements'].split(),
    extras_require={extra: cfg[f'{extra}_requirements'].split() for extra in ('lab', 'speed', 'dev')},
    entry_points={
        'console_scripts': cfg['console_scripts'].split(),
        'nbdev': [f'{lib}={lib}._modidx:d'],
    },
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Education',
        'Intended Audience :: Developers',
        'Natural Language :: English',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3 :: Only',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in range(10, 15)),
        'Framework :: Jupyter',
        'Topic :: Education',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Typing :: Typed',
    ],
)
