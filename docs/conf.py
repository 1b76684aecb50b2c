"""Sphinx reads what docs/stage.py laid out: `make site`."""
import re
import sys
from configparser import ConfigParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from rnn_course.live import FIGURES   # noqa: E402

settings = ConfigParser(delimiters=['='])
settings.read(Path(__file__).resolve().parent.parent/'settings.ini', encoding='utf-8')
cfg = settings['DEFAULT']
project, author, release = cfg['title'], cfg['author'], cfg['version']
copyright = cfg['copyright']
language = 'en'

extensions = ['myst_nb', 'sphinx.ext.mathjax', 'sphinx_copybutton']
nb_execution_mode = 'off'   # what is committed is what is shown
nb_merge_streams = True
nb_code_prompt_show = 'Show code'   # where a cell is folded
nb_code_prompt_hide = 'Hide code'
myst_enable_extensions = ['dollarmath', 'attrs_block', 'colon_fence']
myst_heading_anchors = 4
add_module_names = False
python_use_unqualified_type_names = True

exclude_patterns = ['_static']

templates_path = ['templates']
html_theme = 'furo'
html_favicon = '../images/logo.svg'
html_title = project
html_static_path = ['static']
html_css_files = ['course.css']
html_js_files = ['course.js']
html_theme_options = {'top_of_page_buttons': []}
html_show_sourcelink = False
html_copy_source = False
html_domain_indices = False
html_show_search_summary = False   # it would fetch the pages, which a browser refuses for files
mathjax_path = 'mathjax/tex-svg-full.js'
copybutton_selector = '.cell_input div.highlight pre, article > section div:not(.output) > div.highlight pre'


def say_level(app, page, template, context, doctree):
    "The sidebar's captions are headings that do not say of what level."
    tree = context['furo_navigation_tree']
    context['furo_navigation_tree'] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def bring_to_life(app, page, template, context, doctree):
    "A page with live figures gets what they need, and no other page does."
    names = re.findall(r'data-live="(\w+)"', context.get('body', ''))
    if not names: return
    app.add_css_file('live/live.css')
    for network in dict.fromkeys(FIGURES[name].network for name in names if FIGURES[name].network):
        app.add_js_file(f'live/weights-{network}.js')
    app.add_js_file('live/network.js')
    app.add_js_file('live/figures.js')


def setup(app):
    app.config.html_static_path.append(str(Path(app.srcdir)/'_static'))   # MathJax
    app.connect('html-page-context', say_level, priority=900)   # after the theme
    app.connect('html-page-context', bring_to_life)
