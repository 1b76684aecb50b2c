"""The pages of the API, from the modules' source: signatures, docstrings, and the comments beside the parameters.

The modules are read, not imported: the site needs no PyTorch."""
import ast
import io
import json
import re
import tokenize
from functools import cache
from pathlib import Path

Function, Class = (ast.FunctionDef, ast.AsyncFunctionDef), ast.ClassDef


@cache
def parse(path):
    "The tree of a module, its comments by line, and its notebook and cells: (line, notebook, cell id)."
    text = path.read_text(encoding='utf-8')
    comments = {t.start[0]: t.string[1:].strip() for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT}
    cells = [(line, *m.groups()) for line, said in comments.items() if (m := re.match(r'%% \.\./nbs/(\S+) #(\w+)', said))]
    return ast.parse(text), comments, cells


def modules(package):
    "The modules in the order of their notebooks."
    return sorted((p for p in package.glob('*.py') if p.stem[0] != '_'), key=lambda p: parse(p)[2][0][1])


def names(path):
    "What a module exports: name -> the node that defines it, in the order of the source."
    tree, *_ = parse(path)
    defined = {}
    for node in tree.body:
        if isinstance(node, (*Function, Class)): defined[node.name] = node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for name in target.elts if isinstance(target, ast.Tuple) else [target]: defined[getattr(name, 'id', '')] = node
    listed = ast.literal_eval(defined['__all__'].value)
    return {name: node for name, node in defined.items() if name in listed}


def first_line(node): return min([node.lineno, *[d.lineno for d in getattr(node, 'decorator_list', [])]])


def cell_of(path, node):
    "The notebook and the id of the cell that defines `node`."
    return [cell[1:] for cell in parse(path)[2] if cell[0] < first_line(node)][-1]


@cache
def cells_of(package):
    "Cell id -> (module, names that it exports)."
    found = {}
    for path in modules(package):
        for name, node in names(path).items(): found.setdefault(cell_of(path, node)[1], (path.stem, []))[1].append(name)
    return found


def parameters(node, comments, skip=0):
    "Pairs of a line's parameters, as they are written, and the comment beside them; the last pair is what is returned."
    a = node.args
    listed = [*a.posonlyargs, *a.args]
    defaults = dict(zip(listed[::-1], a.defaults[::-1])) | {arg: d for arg, d in zip(a.kwonlyargs, a.kw_defaults) if d}
    stars = {a.vararg: '*', a.kwarg: '**'}
    lines = {}
    for arg in listed[skip:] + [a.vararg] * bool(a.vararg) + a.kwonlyargs + [a.kwarg] * bool(a.kwarg):
        shown = stars.get(arg, '') + ast.unparse(arg).replace(': ', ':') + (f'={ast.unparse(defaults[arg])}' if arg in defaults else '')
        lines.setdefault(arg.end_lineno if arg not in defaults else defaults[arg].end_lineno, []).append(shown)
    rows = [(', '.join(shown), comments[line]) for line, shown in lines.items() if comments.get(line)]
    end = node.body[0].lineno - 1   # the line that closes the signature
    return rows + ([('', comments[end])] if end >= node.lineno and end in comments and end not in lines else [])


def signature(node, skip=0):
    "The parameters of a function as Sphinx writes them."
    a = ast.parse(ast.unparse(node)).body[0].args
    both = a.posonlyargs + a.args
    a.posonlyargs, a.args = [], both[skip:]
    returns = f' -> {ast.unparse(node.returns)}' if node.returns else ''
    return f'({ast.unparse(a)}){returns}'


def fields(node, comments):
    "Pairs of a field and its comment, for dataclasses and named tuples."
    return [(ast.unparse(n).replace(': ', ':', 1).replace(' = ', '='), comments.get(n.end_lineno, '')) for n in node.body if isinstance(n, ast.AnnAssign)]


def constructor(node, classes):
    "The `__init__` of a class, or the one that it inherits from a class of the same module."
    own = next((n for n in node.body if isinstance(n, Function) and n.name == '__init__'), None)
    if own: return own
    return next((made for base in node.bases if getattr(base, 'id', '') in classes and (made := constructor(classes[base.id], classes))), None)


def rows_of(pairs, link): return [f"- {f'`{shown}`' if shown else 'returns'}{': ' if said else ''}{link(said)}" for shown, said in pairs]


def directive(kind, head, body, options=(), depth=4):
    fence = ':'*depth
    return [f'{fence}{{py:{kind}}} {head}', *options, '', *body, fence, '']


@cache
def linker(package):
    "A function that makes the names of the package links where a text has them in backticks, and addresses too."
    where = {name: f'rnn_course.{path.stem}.{name}' for path in modules(package) for name in names(path)}
    def link(text):
        text = re.sub(r'(?<![<`(])(https?://[^\s,)]+[^\s,.)])', r'<\1>', text or '')
        return re.sub(r'(?<!`)`(\w+)(\(\))?`(?!`)', lambda m: f'{{py:obj}}`{m[1]}{m[2] or ""} <{where[m[1]]}>`' if m[1] in where else m[0], text)
    return link


def is_method(node): return isinstance(node, Function) and not node.name.startswith('_') and ast.get_docstring(node)


def entry(path, name, node, where):
    "One name: its signature, docstring, parameters, methods, and where it is explained."
    _, comments, _ = parse(path)
    link = linker(path.parent)
    if isinstance(node, Function):
        return directive('function', name + signature(node), [link(ast.get_docstring(node)), '', *rows_of(parameters(node, comments), link), '', where])
    if isinstance(node, Class):
        classes = {n.name: n for n in parse(path)[0].body if isinstance(n, Class)}
        made, listed = constructor(node, classes), fields(node, comments)
        head = name + (signature(made, 1) if made else f"({', '.join(f.replace(':', ': ', 1) for f, _ in listed)})" if listed else '')
        kinds = [link(f'`{ast.unparse(base)}`') for base in node.bases if ast.unparse(base) != 'NamedTuple']
        body = [link(ast.get_docstring(node)), '', *[f"A kind of {' and '.join(kinds)}."] * bool(kinds), '',
                *rows_of(parameters(made, comments, 1) if made else listed, link), '', where, '']
        for method in filter(is_method, node.body):
            marks = {ast.unparse(d) for d in method.decorator_list}
            bound, is_property = 'staticmethod' not in marks, 'property' in marks
            body += directive('property' if is_property else 'method', method.name + ('' if is_property else signature(method, bound)),
                              [link(ast.get_docstring(method)), '', *rows_of(parameters(method, comments, bound), link)],
                              [f':{mark}:' for mark in ('classmethod', 'staticmethod') if mark in marks], 3)
        return directive('class', head, body)
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple): value = value.elts[[t.id for t in target.elts].index(name)]
    said, value = comments.get(node.lineno, ''), ast.unparse(value)
    return directive('data', name, [link(said[:1].upper() + said[1:]), '', where], [f':value: {json.dumps(value)}'] * (len(value) < 90))


def write(package, out, titles, github):
    "A page for each module, and one that lists them; `titles` has the title of each notebook."
    out.mkdir(parents=True)
    listed = []
    for path in modules(package):
        tree, _, cells = parse(path)
        notebook = cells[0][1]
        about = linker(package)(ast.get_docstring(tree))
        text = [f'# rnn_course.{path.stem}', '', f'> {about}', '', f'Explained in [{titles[notebook]}](../{notebook}).', '', f'```{{py:module}} rnn_course.{path.stem}', '```', '']
        for name, node in names(path).items():
            page, cell = cell_of(path, node)
            lines = f'{github}/{path.name}#L{first_line(node)}-L{node.end_lineno}'
            text += entry(path, name, node, f'{{.where}}\nExplained in [{titles[page]}](#cell-{cell}) · [source]({lines})')
        (out/f'{path.stem}.md').write_text('\n'.join(text), encoding='utf-8')
        shown = ', '.join(f'{{py:obj}}`{name} <rnn_course.{path.stem}.{name}>`' for name in names(path))
        listed += [f'## [{path.stem}]({path.stem}.md)', '', f'{about} Explained in [{titles[notebook]}](../{notebook}).', '', shown, '']
    tree = ['```{toctree}', ':hidden:', '', *[p.stem for p in modules(package)], '```', '']
    head = ['# The package', '', 'Every name that the package exports, module by module; each says which chapter explains it. All names from A to Z are in the {ref}`index <genindex>`.', '']
    (out/'index.md').write_text('\n'.join(head + listed + tree), encoding='utf-8')
