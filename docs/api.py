"""The pages of the API: each exported name with its signature, docstring, the comments beside its parameters,
the notebook cell that explains it and its lines of source.

griffe reads the modules without importing them, so the site needs no PyTorch. Ours are the comments beside
parameters ("docments"), names assigned together, as in `A, B = 1, 2`, and the links to notebook cells. Tried
and not taken: sphinx-autoapi and sphinx-autodoc2 lose all three as well, and what they write would have to be
overridden entry by entry; fastcore's `docments` reads such comments, but only of what was imported.
"""
import ast
import json
import re
import tokenize
from functools import cache
from itertools import groupby

import griffe

CELL = re.compile(r'%% \.\./nbs/(\S+) #(\w+)')   # the comment that nbdev writes above what a cell exports
STARS = {griffe.ParameterKind.var_positional: '*', griffe.ParameterKind.var_keyword: '**'}


@cache
def comments_of(path):
    "The comments of a module: line -> text."
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    return {token.start[0]: token.string[1:].strip() for token in comments}


class Docments(griffe.Extension):
    "What griffe leaves out: names assigned together; and comments, as docstrings of what they stand beside."

    def on_node(self, *, node, agent, **kwargs):
        "Read `A, B = 1, 2` as `A = 1` and `B = 2`."
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple):
            return
        values = getattr(node.value, 'elts', [])
        for target, value in zip(node.targets[0].elts, values):
            agent.visit(ast.copy_location(ast.Assign([target], value), node))

    def on_attribute_instance(self, *, node, attr, **kwargs):
        "A constant, or the field of a dataclass or of a named tuple."
        comment = comments_of(attr.filepath).get(node.lineno)
        if comment:
            attr.docstring = griffe.Docstring(comment)

    def on_function_instance(self, *, node, func, **kwargs):
        "The parameters, and what is returned: where both are on one line, the comment is about the latter."
        comments = dict(comments_of(func.filepath))
        if node.returns and ast.unparse(node.returns) != 'None':
            func.extra['docments']['returns'] = comments.pop(node.returns.end_lineno, '')
        for argument in ast.iter_child_nodes(node.args):
            if isinstance(argument, ast.arg) and argument.lineno in comments:
                func.parameters[argument.arg].docstring = griffe.Docstring(comments[argument.lineno])


@cache
def modules(package):
    "The modules of the package in the folder `package`, in the order of their notebooks."
    read = griffe.load(package.name, search_paths=[package.parent], allow_inspection=False,
                       extensions=griffe.load_extensions(Docments))
    public = [module for name, module in read.modules.items() if not name.startswith('_')]
    return sorted(public, key=lambda module: cells(module)[0][1])


def cells(module):
    "The cells that a module comes from: (first line, notebook, cell id)."
    matches = {line: CELL.match(comment) for line, comment in comments_of(module.filepath).items()}
    return [(line, *match.groups()) for line, match in matches.items() if match]


def names(module):
    "What a module exports: name -> what griffe knows of it, in the order of the source."
    return {name: item for name, item in module.members.items() if name in module.exports}


def cell_of(item):
    "The notebook and the id of the cell that defines `item`; an id is not taken twice in one notebook."
    before = [cell for cell in cells(item.module) if cell[0] < item.lineno]
    return before[-1][1:]


@cache
def cells_of(package):
    "(notebook, cell id) -> (module, names that it exports)."
    found = {}
    for module in modules(package):
        for name, item in names(module).items():
            found.setdefault(cell_of(item), (module.name, []))[1].append(name)
    return found


def place(notebook, cell):
    "What the place of a cell on the page of its notebook is called."
    return f"cell-{notebook.removesuffix('.ipynb')}-{cell}"


@cache
def parameters_of(package):
    "Function -> the names of its parameters in order, for all functions that the package exports."
    functions = [item for module in modules(package) for item in names(module).values() if item.is_function]
    return {function.name: [parameter.name for parameter in function.parameters] for function in functions}


@cache
def linker(package):
    "A function that makes links of addresses, and of the package's names where a text has them in backticks."
    where = {name: item.path for module in modules(package) for name, item in names(module).items()}

    def to_name(match):
        name, call = match[1], match[2] or ''
        return f'{{py:obj}}`{name}{call} <{where[name]}>`' if name in where else match[0]

    def link(text):
        text = re.sub(r'(?<![<`(])(https?://[^\s,)]+[^\s,.)])', r'<\1>', text)
        return re.sub(r'(?<!`)`(\w+)(\(\))?`(?!`)', to_name, text)
    return link


def said(item):
    "The docstring of `item`, or nothing."
    return item.docstring.value if item.docstring else ''


def parameter_of(field):
    "The parameter that a named tuple has for one of its fields."
    kind = griffe.ParameterKind.positional_or_keyword
    return griffe.Parameter(field.name, annotation=field.annotation, kind=kind,
                            default=field.value, docstring=field.docstring)


def constructor(cls):
    "The function that makes a `cls`, inherited perhaps; the source of a named tuple has none, but fields."
    if 'NamedTuple' in map(str, cls.bases):
        fields = [parameter_of(field) for field in cls.attributes.values() if field.annotation]
        return griffe.Function('__init__', parameters=griffe.Parameters(*fields), parent=cls)
    init = cls.all_members.get('__init__')
    return init.final_target if init and init.is_alias else init


def written(parameter):
    "A parameter as it is written in the source."
    stars = STARS.get(parameter.kind, '')
    annotation = f':{parameter.annotation}' if parameter.annotation else ''
    default = f'={parameter.default}' if parameter.default and not stars else ''
    return f'{stars}{parameter.name}{annotation}{default}'


def rows(function):
    "A list of the parameters that have a comment, those together that share it, and of what is returned."
    listed = []
    for comment, parameters in groupby(function.parameters, said):
        shown = ', '.join(written(p) for p in parameters if p.name not in ('self', 'cls'))
        if comment and shown:
            listed.append(f'- `{shown}`: {comment}')
    returned = function.extra['docments'].get('returns')
    if returned:
        listed.append(f'- returns: {returned}')
    return '\n'.join(listed)


def directive(kind, head, *parts, options=(), depth=4):
    "A directive of Sphinx for Python, around what there is of `parts`."
    fence = ':'*depth
    content = '\n\n'.join(part for part in parts if part)
    return '\n'.join([f'{fence}{{py:{kind}}} {head}', *options, '', content, fence, ''])


def method_entry(method, link):
    about = link(said(method))
    if method.is_attribute:   # to griffe, a property is an attribute
        return directive('property', method.name, about, depth=3)
    options = [f':{label}:' for label in ('classmethod', 'staticmethod') if label in method.labels]
    return directive('method', method.signature(), about, link(rows(method)), options=options, depth=3)


def is_public_method(item):
    return said(item) and not item.name.startswith('_') and (item.is_function or 'property' in item.labels)


def class_entry(cls, where, link):
    make = constructor(cls)
    head = make.signature(name=cls.name, return_type=False) if make else cls.name
    bases = [link(f'`{base}`') for base in map(str, cls.bases) if base != 'NamedTuple']
    kind = f"A kind of {' and '.join(bases)}." if bases else ''
    methods = [method_entry(item, link) for item in cls.members.values() if is_public_method(item)]
    return directive('class', head, link(said(cls)), kind, link(rows(make)) if make else '', where, *methods)


def data_entry(data, where, link):
    about, value = said(data), str(data.value)
    options = [f':value: {json.dumps(value)}'] if len(value) < 90 else []
    return directive('data', data.name, link(about[:1].upper() + about[1:]), where, options=options)


def entry(item, where, link):
    "One name: its signature, docstring, parameters, methods, and where it is explained."
    if item.is_class:
        return class_entry(item, where, link)
    if item.is_function:
        return directive('function', item.signature(), link(said(item)), link(rows(item)), where)
    return data_entry(item, where, link)


def page(module, titles, github, link):
    "The page of a module."
    notebook = cells(module)[0][1]
    parts = [f'# {module.path}', f'> {link(said(module))}',
             f'Explained in [{titles[notebook]}](../{notebook}).',
             f'```{{py:module}} {module.path}\n```']
    for item in names(module).values():
        explained, cell = cell_of(item)
        source = f'{github}/{module.filepath.name}#L{item.lineno}-L{item.endlineno}'
        chapter = f'[{titles[explained]}](#{place(explained, cell)})'
        where = f'{{.where}}\nExplained in {chapter} · [source]({source})'
        parts.append(entry(item, where, link))
    return '\n\n'.join(parts)


def summary(module, titles, link):
    "A module on the page that lists them all."
    notebook = cells(module)[0][1]
    listed = ', '.join(f'{{py:obj}}`{name} <{item.path}>`' for name, item in names(module).items())
    about = f'{link(said(module))} Explained in [{titles[notebook]}](../{notebook}).'
    return f'## [{module.name}]({module.name}.md)\n\n{about}\n\n{listed}'


def write(package, out, titles, github):
    "A page for each module, and one that lists them; `titles` has the title of each notebook."
    out.mkdir(parents=True)
    link = linker(package)
    for module in modules(package):
        (out/f'{module.name}.md').write_text(page(module, titles, github, link), encoding='utf-8')
    about = ('Every name that the package exports, module by module; each says which chapter explains it. '
             'All names from A to Z are in the {ref}`index <genindex>`.')
    tree = '\n'.join(['```{toctree}', ':hidden:', '', *[module.name for module in modules(package)], '```'])
    parts = ['# The package', about, *[summary(module, titles, link) for module in modules(package)], tree]
    (out/'index.md').write_text('\n\n'.join(parts) + '\n', encoding='utf-8')
