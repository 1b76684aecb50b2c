"""The reading site: built without a warning, whole, and seen in a real browser."""
import ast
import importlib.util
import json
import os
import re
import shutil
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import NBS, NOTEBOOKS, ROOT, run
from filelock import FileLock

NODE_MODULES = Path(sys.prefix)/'node'/'node_modules'
CHROMIUM = os.environ.get('CHROMIUM') or next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
CHAPTERS = [p for p in NOTEBOOKS if p.parent == NBS and p.stem != 'index']
WITH_EXERCISES = [p for p in CHAPTERS if (NBS/'solutions'/p.name).exists()]


def need(there, missing):
    "Skip without what is missing, and say how to get it; where CI is set, fail."
    if not there: (pytest.fail if 'CI' in os.environ else pytest.skip)(missing)


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    "A folder that all workers of a run share: who comes first builds, the others wait."
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if 'PYTEST_XDIST_WORKER' in os.environ else folder)/'site'
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope='module')
def site(shared):
    "The site, built anew."
    need(importlib.util.find_spec('furo') and (NODE_MODULES/'mathjax').exists(), 'what the site is built with is missing: make site-env')
    with FileLock(shared/'lock'):
        said = shared/'said.txt'
        if not said.exists():
            done = run(sys.executable, 'docs/make.py', shared, check=False)
            said.write_text(done.stdout + done.stderr + ('' if done.returncode == 0 else f'ended with {done.returncode}'), encoding='utf-8')
    assert not text(said), text(said)[-3000:]
    return shared/'site'


@pytest.fixture(scope='module')
def seen(site, shared):
    "What tests/site.mjs saw of every page."
    need(shutil.which('node') and (NODE_MODULES/'playwright-core').exists(), 'node or what it drives a browser with is missing: install Node.js, then make site-env')
    need(CHROMIUM, "Chromium is missing: apt-get install chromium, or name another browser of its kind, CHROMIUM='/path/to/it'")
    with FileLock(shared/'lock'):
        said = shared/'seen.json'
        if not said.exists(): said.write_text(run('node', ROOT/'tests'/'site.mjs', site, NODE_MODULES, CHROMIUM, timeout=1800).stdout, encoding='utf-8')
    return json.loads(text(said))


class Page(HTMLParser):
    "The ids, links, pictures and what else is loaded, of a page."
    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.images, self.loads, self.rel = set(), [], [], [], {}
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if 'id' in a: self.ids.add(a['id'])
        if tag == 'a' and 'href' in a: self.links.append(a['href'])
        if tag == 'img': self.images.append((a['src'], a.get('alt') or ''))
        if tag == 'link' and a.get('rel') in ('next', 'prev'): self.rel[a['rel']] = a['href']
        self.loads += [a[key] for key in ('src', 'srcset', 'poster', *['href'] * (tag == 'link')) if key in a]


@cache
def page(path): return Page(path)


def pages(site): return sorted(site.rglob('*.html'))
def text(path): return path.read_text(encoding='utf-8')


def test_every_notebook_and_module_has_a_page(site):
    expected = {p.relative_to(NBS).with_suffix('.html').as_posix() for p in NOTEBOOKS} | {'solutions/index.html', 'api/index.html', 'genindex.html', 'search.html'}
    expected |= {f'api/{p.stem}.html' for p in (ROOT/'rnn_course').glob('[!_]*.py')}
    assert {p.relative_to(site).as_posix() for p in pages(site)} == expected


def test_links_and_pictures_lead_somewhere(site):
    lost = []
    for path in pages(site):
        for target in {*page(path).links, *page(path).loads}:
            parts = urlsplit(target)
            if parts.scheme in ('https', 'data', 'mailto'): continue
            there = (path.parent/unquote(parts.path)).resolve() if parts.path else path
            if not there.is_file(): lost.append(f'{path.name}: {target}')
            elif parts.fragment and there.suffix == '.html' and unquote(parts.fragment) not in page(there).ids: lost.append(f'{path.name}: {target}, no such place')
    assert not lost


def test_nothing_is_loaded_from_elsewhere(site):
    for path in pages(site): assert not [x for x in page(path).loads if re.match(r'\w+:|//', x) and not x.startswith('data:')], path.name
    for path in site.rglob('*.css'): assert not re.search(r'(?:url\(|@import)\s*["\']?(?:https?:)?//', text(path)), path.name


def test_every_picture_says_what_it_shows(site):
    described = [(path.name, src, alt) for path in pages(site) for src, alt in page(path).images]
    assert len(described) > 80
    assert not [d for d in described if len(d[2].split()) < 3 or re.search(r'\.(png|svg)', d[2])]
    told = {alt for name, src, alt in described if name == '09_ceiling.html'}
    assert any('Seven tokens of context hold the whole answer' in alt for alt in told)


def test_chapters_follow_each_other(site):
    for before, after in zip(WITH_EXERCISES, WITH_EXERCISES[1:]):
        assert page(site/f'{before.stem}.html').rel['next'] == f'{after.stem}.html'
        assert page(site/f'{after.stem}.html').rel['prev'] == f'{before.stem}.html'
    assert page(site/'index.html').rel['next'] == f'{WITH_EXERCISES[0].stem}.html'


def test_code_is_shown_and_bookkeeping_is_not(site):
    for path in NOTEBOOKS:
        shown = re.sub(r'<[^>]+>', '', text(site/path.relative_to(NBS).with_suffix('.html')))
        assert not re.search(r'#\s*\|', shown) and 'set_num_threads(1)   #' not in shown and 'google.colab' not in shown, path.name
    gru = text(site/'05_gru.html')
    assert 'GRUCore</span><span class="p">(' in gru                       # exported code
    assert '<progress' not in gru and 'class="fastprogress"' in gru       # the table of the epochs, nothing of the bar
    assert 'href="api/gru.html#rnn_course.gru.GRUCore"' in gru


def test_the_api_has_every_name_and_says_where_it_is_explained(site):
    for path in (ROOT/'rnn_course').glob('[!_]*.py'):
        here, tree = site/'api'/f'{path.stem}.html', ast.parse(text(path))
        notebook = re.search(r'File to edit: \.\./nbs/(\w+)\.ipynb', text(path))[1]
        exported = next(ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and getattr(n.targets[0], 'id', '') == '__all__')
        for name in exported:
            assert f'rnn_course.{path.stem}.{name}' in page(here).ids
            entry = text(here).split(f'id="rnn_course.{path.stem}.{name}"')[1]
            explained, source = re.search(r'Explained in <a [^>]*href="([^"]+)".*?<a [^>]*href="([^"]+)">source', entry, re.S).groups()
            assert explained.startswith(f'../{notebook}.html#cell-'), name
            first = int(re.search(r'#L(\d+)', source)[1])
            assert name in '\n'.join(text(path).split('\n')[first-1:first+3]), source
    shown = re.sub(r'<[^>]+>', '', text(site/'api'/'gru.html'))
    assert 'n_in:int: numbers that come in with each token' in shown and 'returns: a GRUCore that computes the same thing' in shown


def test_pages_load_without_errors_and_outside_requests(seen):
    for name, what in seen['pages'].items():
        assert not what['errors'] and not what['outside'] and not what['blank'] and not what['noAlt'], (name, what)
        assert what['maths']['written'] == what['maths']['drawn'], name
    assert seen['pages']['05_gru.html']['maths']['drawn'] > 4


def test_nothing_is_wider_than_a_phone(seen):
    assert not {name: what['tooWide'] for name, what in seen['pages'].items() if what['tooWide']}


def test_no_serious_violation_of_accessibility(seen):
    found = {(name, kind): what[kind] for name, what in seen['pages'].items() for kind in ('light', 'dark', 'phone') if what[kind]}
    assert not found


def test_search_finds_the_chapter(seen):
    search = seen['search']
    assert search['found'][0] == '05_gru.html' and not search['errors'] and not search['outside']


def test_the_dark_switch_works_and_is_remembered(seen):
    dark = seen['dark']
    assert min(dark['before']) > 240 and max(dark['after']) < 40 and not dark['errors']
    assert dark['page'] != '05_gru.html' and dark['next'] == dark['after']


def test_code_can_be_copied(seen):
    assert seen['copy']['copied'].strip() == seen['copy']['code'].strip() != ''


@pytest.mark.parametrize('path', CHAPTERS, ids=lambda p: p.stem)
def test_chapter_opens_in_colab(path, tmp_path, monkeypatch):
    first, second, *_ = json.loads(text(path))['cells']
    address = f'https://colab.research.google.com/github/rnn-course/rnn_course/blob/main/nbs/{path.name}'
    assert f'[![Open in Colab](../images/colab.svg)]({address})' in ''.join(first['source'])
    code, ran = ''.join(second['source']), []
    class Shell:
        def system(self, command): ran.append(command); Path('rnn_course/nbs').mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    exec(code, {'get_ipython': Shell})
    assert not ran and Path.cwd() == tmp_path   # elsewhere nothing happens
    monkeypatch.setitem(sys.modules, 'google.colab', object())
    exec(code, {'get_ipython': Shell})
    assert len(ran) == 1 and 'github.com/rnn-course/rnn_course' in ran[0] and 'pip install' in ran[0] and Path.cwd() == tmp_path/'rnn_course'/'nbs'
