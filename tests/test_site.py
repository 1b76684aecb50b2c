"""The reading site: built without a warning, whole, and seen in a real browser."""
import ast
import importlib.util
import json
import os
import random
import re
import shutil
import sys
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import torch
from conftest import APPENDICES, CHAPTERS, NBS, NOTEBOOKS, ROOT, run
from filelock import FileLock

from rnn_course.data import spell, training_vocab
from rnn_course.live import FIGURES
from rnn_course.saving import load
from rnn_course.stateful import evaluating

NODE_MODULES = Path(sys.prefix)/'node'/'node_modules'
BROWSERS = filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome')))
CHROMIUM = os.environ.get('CHROMIUM') or next(BROWSERS, None)
MODULES = sorted((ROOT/'rnn_course').glob('[!_]*.py'))
FOLDED = '<details class="admonition hide above-input">'


def need(there, missing):
    "Skip without what is missing, and say how to get it; where CI is set, fail."
    if there:
        return
    if 'CI' in os.environ:
        pytest.fail(missing)
    pytest.skip(missing)


def need_site():
    installed = [importlib.util.find_spec(name) for name in ('furo', 'griffe')]
    there = all(installed) and (NODE_MODULES/'mathjax').exists()
    need(there, 'what the site is built with is missing: make site-env')


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    "A folder that all workers of a run share: who comes first builds, the others wait."
    folder = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ:
        folder = folder.parent
    folder = folder/'site'
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope='module')
def site(shared):
    "The site, built anew."
    need_site()
    with FileLock(shared/'lock'):
        said = shared/'said.txt'
        if not said.exists():
            done = run(sys.executable, 'docs/make.py', shared, check=False)
            ended = '' if done.returncode == 0 else f'ended with {done.returncode}'
            said.write_text(done.stdout + done.stderr + ended, encoding='utf-8')
    assert not text(said), text(said)[-3000:]
    return shared/'site'


@pytest.fixture(scope='module')
def seen(site, shared):
    "What tests/site.mjs saw of every page."
    node = shutil.which('node') and (NODE_MODULES/'playwright-core').exists()
    need(node, 'node or what it drives a browser with is missing: install Node.js, then make site-env')
    need(CHROMIUM, "Chromium is missing: apt-get install chromium, or name its like, CHROMIUM='/path/to/it'")
    with FileLock(shared/'lock'):
        said = shared/'seen.json'
        if not said.exists():
            (shared/'prompts.json').write_text(json.dumps(prompts()), encoding='utf-8')
            args = site, NODE_MODULES, CHROMIUM, shared/'prompts.json'
            done = run('node', ROOT/'tests'/'site.mjs', *args, timeout=1800)
            said.write_text(done.stdout, encoding='utf-8')
    return json.loads(text(said))


def prompts():
    "A hundred, half of them numbers in a row, half of them words at random."
    draw = random.Random(0)
    vocab = training_vocab().itos
    rows = [range(n, n + 3) for n in draw.sample(range(1, 9990), 50)]
    counted = [' , '.join(spell(n) for n in row).split() for row in rows]
    return counted + [draw.choices(vocab, k=draw.randint(1, 40)) for _ in range(50)]


@pytest.fixture
def stage(monkeypatch):
    "The module docs/stage.py."
    need_site()
    monkeypatch.syspath_prepend(ROOT/'docs')
    return importlib.import_module('stage')


class Page(HTMLParser):
    "The ids, links, pictures and what else is loaded, of a page."
    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.images, self.loads, self.rel = set(), [], [], [], {}
        self.feed(text(path))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if 'id' in found:
            self.ids.add(found['id'])
        if tag == 'a' and 'href' in found:
            self.links.append(found['href'])
        if tag == 'img':
            self.images.append((found['src'], found.get('alt') or ''))
        if tag == 'link':
            self.loads.append(found['href'])
            self.rel[found.get('rel')] = found['href']
        self.loads += [found[key] for key in ('src', 'srcset', 'poster') if key in found]


@cache
def page(path):
    return Page(path)


def pages(site):
    return sorted(site.rglob('*.html'))


def text(path):
    return path.read_text(encoding='utf-8')


def shown(path):
    "The words of a page, without its tags."
    return unescape(re.sub(r'<[^>]+>', '', text(path)))


def built(site, notebook):
    "The page of a notebook."
    return site/notebook.relative_to(NBS).with_suffix('.html')


def test_every_notebook_and_module_has_a_page(site):
    expected = {'solutions/index.html', 'api/index.html', 'genindex.html', 'search.html'}
    expected |= {path.relative_to(NBS).with_suffix('.html').as_posix() for path in NOTEBOOKS}
    expected |= {f'api/{path.stem}.html' for path in MODULES}
    assert {path.relative_to(site).as_posix() for path in pages(site)} == expected


def leads_somewhere(path, target):
    "Whether a link on the page `path` has a file and a place in it to lead to; other sites are not tried."
    parts = urlsplit(target)
    if parts.scheme in ('https', 'data', 'mailto'):
        return True
    there = (path.parent/unquote(parts.path)).resolve() if parts.path else path
    if not there.is_file():
        return False
    return there.suffix != '.html' or not parts.fragment or unquote(parts.fragment) in page(there).ids


def test_links_and_pictures_lead_somewhere(site):
    targets = [(path, target) for path in pages(site) for target in {*page(path).links, *page(path).loads}]
    assert len(targets) > 1000
    assert not [f'{path.name}: {target}' for path, target in targets if not leads_somewhere(path, target)]


def test_nothing_is_loaded_from_elsewhere(site):
    for path in pages(site):
        outside = [target for target in page(path).loads if re.match(r'(?!data:)\w+:|//', target)]
        assert not outside, path.name
    for path in site.rglob('*.css'):
        assert not re.search(r'(?:url\(|@import)\s*["\']?(?:https?:)?//', text(path)), path.name


def test_every_picture_says_what_it_shows(site):
    described = [(path.name, source, alt) for path in pages(site) for source, alt in page(path).images]
    assert len(described) > 80
    assert not [found for found in described if len(found[2].split()) < 3]
    assert not [found for found in described if re.search(r'\.(png|svg)', found[2])]
    told = {alt for name, _, alt in described if name == '09_ceiling.html'}
    assert any('Seven tokens of context hold the whole answer' in alt for alt in told)


@pytest.mark.parametrize('code', [
    "finish(ax, 'It falls', 'step', 'loss', legend=True)",
    "finish(ax, 'It falls', xlabel='step', ylabel='loss')",
    "ax.set(title='It falls', xlabel='step', ylabel='loss')",
    "ax.set_title('It falls')\nax.set_xlabel('step')\nax.set_ylabel('loss')"])
def test_a_plot_is_described_by_its_title_and_axes(stage, code):
    assert stage.alt_text(code, before='') == 'Plot, loss over step: It falls'


def test_a_plot_without_a_title_is_described_by_the_text_above_it(stage):
    alt = stage.alt_text('finish(ax, title)', before='One. Here is **how far** it gets:')
    assert alt == 'Plot: Here is how far it gets'


def test_chapters_follow_each_other(site):
    "From the front page through the chapters and then the appendices."
    order = [NBS/'index.ipynb', *CHAPTERS, *APPENDICES]
    for before, after in zip(order, order[1:]):
        assert page(built(site, before)).rel['next'] == f'{after.stem}.html'
        assert page(built(site, after)).rel['prev'] == f'{before.stem}.html'


def test_the_sidebar_tells_chapters_from_appendices(site):
    part = r'<span class="caption-text">(\w+)</span></p>\s*<ul(.*?)</ul>'
    found = re.findall(part, text(site/'index.html'), re.S)
    listed = {caption: re.findall(r'href="(\w+)\.html"', links) for caption, links in found}
    assert listed['Chapters'] == [path.stem for path in CHAPTERS]
    assert listed['Appendices'] == [path.stem for path in APPENDICES]


def test_code_is_shown_and_bookkeeping_is_not(site):
    for path in NOTEBOOKS:
        words = shown(built(site, path))
        assert not re.search(r'#\s*\|', words), path.name
        assert 'set_num_threads(1)   #' not in words and 'google.colab' not in words, path.name
    gru = text(site/'05_gru.html')
    assert 'GRUCore</span><span class="p">(' in gru                   # exported code
    assert '<progress' not in gru and 'class="fastprogress"' in gru   # the table of the epochs, no bar
    assert 'href="api/gru.html#rnn_course.gru.GRUCore"' in gru


def test_a_cell_with_hidden_source_is_folded(site, stage):
    for path in NOTEBOOKS:
        hidden = [stage.source(cell) for cell in stage.read(path)['cells'] if stage.is_folded(cell)]
        staged = [code for code in hidden if not stage.is_bookkeeping(code)]
        assert text(built(site, path)).count(FOLDED) == len(staged), path.name


def test_quizzes_open_without_a_script(site):
    for path in CHAPTERS:
        page, asked = text(built(site, path)), text(path).count('<details><summary>')
        choices = re.findall(r'<details><summary>(.+?)</summary>(Right|No)\. .+?</details>', page)
        assert len(choices) == asked > 11, path.name


def test_folding_keeps_the_code(stage):
    cell = {'cell_type': 'code', 'id': 'a', 'metadata': {'jupyter': {'source_hidden': True}}, 'outputs': [],
            'source': '#| eval: false\n1 + 1'}
    staged, = stage.stage_code('05_gru.ipynb', cell, before='')
    assert staged['source'] == '1 + 1' and staged['metadata']['tags'] == ['hide-input']
    hidden = {**cell, 'source': '#| hide\n1 + 1'}
    assert stage.stage_code('05_gru.ipynb', hidden, before='') == []


def exports(path):
    "The names that a module exports."
    listed, = [node.value for node in ast.parse(text(path)).body
               if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '__all__']
    return ast.literal_eval(listed)


@pytest.mark.parametrize('path', MODULES, ids=lambda path: path.stem)
def test_the_api_has_every_name_and_says_where_it_is_explained(site, path):
    here, lines = site/'api'/f'{path.stem}.html', text(path).splitlines()
    notebook = re.search(r'File to edit: \.\./nbs/(\w+)\.ipynb', text(path))[1]
    where = re.compile(r'Explained in <a [^>]*href="([^"]+)".*?<a [^>]*href="[^"]+#L(\d+)-L\d+">source', re.S)
    for name in exports(path):
        assert f'rnn_course.{path.stem}.{name}' in page(here).ids
        entry = text(here).split(f'id="rnn_course.{path.stem}.{name}"')[1]
        explained, first = where.search(entry).groups()
        assert explained.startswith(f'../{notebook}.html#cell-'), name
        first = int(first)
        assert name in '\n'.join(lines[first-1:first+3]), f'{name}: not in line {first}'


def test_the_api_has_the_comments_beside_parameters(site):
    assert 'n_in:int: numbers that come in with each token' in shown(site/'api'/'gru.html')
    assert 'returns: one spelled number a line' in shown(site/'api'/'data.html')


def test_pages_load_without_errors_and_outside_requests(seen):
    for name, what in seen['pages'].items():
        for trouble in ('errors', 'outside', 'blank', 'noAlt'):
            assert not what[trouble], (name, trouble)
        assert what['maths']['written'] == what['maths']['drawn'], name
    assert seen['pages']['05_gru.html']['maths']['drawn'] > 4


def test_nothing_is_wider_than_a_phone(seen):
    assert not {name: what['tooWide'] for name, what in seen['pages'].items() if what['tooWide']}


def test_no_serious_violation_of_accessibility(seen):
    for name, what in seen['pages'].items():
        for kind in ('light', 'dark', 'phone'):
            assert not what[kind], (name, kind)


def test_search_finds_the_chapter(seen):
    search = seen['search']
    assert search['found'][0] == '05_gru.html' and not search['errors'] and not search['outside']


def test_the_dark_switch_works_and_is_remembered(seen):
    dark = seen['dark']
    assert min(dark['before']) > 240 and max(dark['after']) < 40 and not dark['errors']
    assert dark['page'] != '05_gru.html' and dark['next'] == dark['after']


def test_code_can_be_copied(seen):
    assert seen['copy']['copied'].strip() == seen['copy']['code'].strip() != ''


# ---- the live figures

LIVE = {'count': 'index.html', 'state': '02_stateful.html', 'gates': '05_gru.html',
        'fading': '08_gradients.html', 'look': '17_rule.html'}


@pytest.mark.parametrize('name', LIVE)
def test_a_live_figure_runs_from_a_file(seen, name):
    live = seen['live'][name]
    assert live['started'] == 1 and live['stills'] == 0
    assert not live['errors'] and not live['outside']


@pytest.mark.parametrize('name', LIVE)
def test_without_scripts_there_is_a_picture_and_what_it_shows(seen, name):
    off = seen['live'][name]['off']
    assert off['width'] > 300
    assert off['alt'] == FIGURES[name].still and off['about'] == FIGURES[name].about


@pytest.mark.parametrize('name', LIVE)
def test_what_makes_a_figure_live_is_light(site, seen, name):
    "Weights, scripts and style of a page, below 700 kB."
    folder = site/'_static'/'live'
    scripts = [file for file in seen['live'][name]['scripts'] if (folder/file).exists()]
    assert {'network.js', 'figures.js'} <= set(scripts)
    assert sum((folder/file).stat().st_size for file in [*scripts, 'live.css']) < 700_000


def test_pages_without_a_figure_load_nothing_of_it(site):
    with_figures = {path.name for path in pages(site) if '/live/figures.js' in text(path)}
    assert with_figures == set(LIVE.values()) | {'N_live.html'}


def test_it_counts_and_says_where_it_is_wrong(seen):
    said = seen['live']['count']['said']
    assert said['wrong'].startswith('Wrong, after 0 right words: here comes “ten”')
    assert said['right'].split(' , ')[-1].split() == ['eight', 'thousand']
    assert said['unknown'].startswith('“zero” is not one of its words')


def wrong_words(head):
    return int(re.search(r'(\d+) of \d+', head)[1])


def test_a_network_that_forgets_is_wrong_more_often_in_short_windows(seen):
    said = seen['live']['state']['said']
    kept, forgot = map(wrong_words, said['before'])
    kept_again, forgot_more = map(wrong_words, said['after'])
    assert kept == kept_again < forgot < forgot_more
    assert said['said'] == 'From 3,456, in windows of 2 words.'


def test_a_gate_is_a_dial_and_a_trained_one_matters(seen):
    said = seen['live']['gates']['said']
    assert (said['before'], said['after']) == ('0.41', '0.80')   # (1 - z)·(-0.5) + z·0.8 at 0.7, and at 1
    assert wrong_words(said['trained']) < wrong_words(said['held'])


def test_the_gradient_follows_the_radius(seen):
    "Twenty steps of the slider up, from 1 to 1.2: by the matrix alone 1.2 to the 60th times as much."
    said = seen['live']['fading']['said']
    before = float(re.search(r'steps: ([\d.]+) by the matrix', said['before'])[1])
    digit, power = re.search(r'steps: ([\d.]+)(?: · 10([⁰¹²³⁴⁵⁶⁷⁸⁹]+))? by', said['after']).groups()
    after = float(digit)*10**int((power or '0').translate(str.maketrans('⁰¹²³⁴⁵⁶⁷⁸⁹', '0123456789')))
    assert after/before == pytest.approx(1.2**60, rel=.2)


def test_it_shows_where_it_looks_and_makes_mistakes_when_hot(seen):
    said = seen['live']['look']['said']
    assert said['before'].startswith('Before it says “eight”: it looks at “seven” most')
    assert said['after'] != said['before']
    assert said['cold'].startswith('Every word') and wrong_words(said['hot']) > 0


def test_figures_keep_still_where_a_reader_asked_for_calm(seen):
    calm = seen['calm']
    assert calm['before'] == calm['later']
    assert len(calm['after'].split()) > len(calm['before'].split()) + 30   # at once, when asked


def test_javascript_computes_what_pytorch_does(seen):
    for name, given in seen['logits'].items():
        model = load(NBS/'results'/f'{name}.safetensors')
        for words, ours in zip(prompts(), given, strict=True):
            with torch.no_grad(), evaluating(model):
                theirs = model(training_vocab().encode(words)[None])[0, -1]
            assert (torch.tensor(ours) - theirs).abs().max() < 1e-4, (name, words)


class Shell:
    "IPython as Colab has it: it remembers what it was told to run, and makes the folder that a clone would."
    def __init__(self):
        self.ran = []

    def system(self, command):
        self.ran.append(command)
        Path('rnn_course/nbs').mkdir(parents=True)


@pytest.mark.parametrize('path', [*CHAPTERS, *APPENDICES], ids=lambda path: path.stem)
def test_chapter_opens_in_colab(path, tmp_path, monkeypatch):
    first, second, *_ = json.loads(text(path))['cells']
    address = f'https://colab.research.google.com/github/rnn-course/rnn_course/blob/main/nbs/{path.name}'
    assert f'[![Open in Colab](../images/colab.svg)]({address})' in ''.join(first['source'])
    code, shell = ''.join(second['source']), Shell()
    monkeypatch.chdir(tmp_path)
    exec(code, {'get_ipython': lambda: shell})
    assert not shell.ran and Path.cwd() == tmp_path   # elsewhere nothing happens
    monkeypatch.setitem(sys.modules, 'google.colab', object())
    exec(code, {'get_ipython': lambda: shell})
    command, = shell.ran
    assert 'github.com/rnn-course/rnn_course' in command and 'pip install' in command
    assert Path.cwd() == tmp_path/'rnn_course'/'nbs'
