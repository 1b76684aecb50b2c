"""Sphinx reads what docs/stage.py laid out: `make site`."""
from configparser import ConfigParser
from pathlib import Path

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

html_theme = 'furo'
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


def setup(app):
    app.config.html_static_path.append(str(Path(app.srcdir)/'_static'))   # MathJax
    app.connect('html-page-context', say_level, priority=900)   # after the theme
