#!/usr/bin/env python3
"""Makes C, JSON and documentation from the binary API's definitions in api/*.api.

    gen-api.py header  api/ip.api OUT.h      structs of types and messages, in host order
    gen-api.py source  api/ip.api OUT.c      tables that src/control/api_codec.c encodes and decodes by
    gen-api.py json    api/ip.api OUT.json   what clients read: ip.api.json
    gen-api.py doc     NAMES OUT.md api/*.api    reference of the messages in the file NAMES, name_crc lines
    gen-api.py tables  api/ip.api OUT.c OUT.json   both of these
    gen-api.py crc     api/*.api             "name crc", one a line: of each message, and of each file both as
                                             get_first_msg_id wants it (ip.api) and as JSON has it (ip.api.json)

Any of these may end in -I DIR...: where imported files are that do not lie beside the one that imports them,
as for a plugin with an .api file of its own.

The language and the rules for CRCs are those of VPP's .api files, so that names, layouts and CRCs are the
same: a message's CRC is that of the text of its fields, followed by the texts of the types within; a file's is
that of the texts of its objects in their order. One word is ours: an `unserved` message has its number, and its
part in the file's CRC, but nobody answers it, and what clients read does not name it.
"""
import json
import os
import re
import sys
import zlib

BASE = {'u8': 1, 'u16': 2, 'u32': 4, 'u64': 8, 'i8': 1, 'i16': 2, 'i32': 4, 'i64': 8, 'f64': 8, 'bool': 1}
FLAGS = ('autoreply', 'autoendian', 'manual_print', 'manual_endian', 'dont_trace', 'typeonly', 'unserved')
CTYPE = {'bool': 'u8', 'f64': 'double'}


INCLUDE = []  # the folders of -I


class ApiError(Exception):
    pass


# --- reading -----------------------------------------------------------------------------------

TOKEN = re.compile(r'''\s+|//[^\n]*|(?P<doc>/\*\*.*?\*/)|/\*.*?\*/|(?P<string>"[^"]*")
                       |(?P<number>-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?))|(?P<id>[A-Za-z_]\w*)|(?P<punct>[{}\[\];=,:])''',
                   re.S | re.X)


class Field:
    def __init__(self, type_, name, length=None, count=None, options=None):
        self.type, self.name = type_, name
        self.length = length    # None: scalar; 0: variable
        self.count = count      # name of the field that counts a variable array
        self.options = options or {}

    def repr_text(self):
        if self.length is None:
            return "['%s', '%s']" % (self.type, self.name)
        count = "'%s'" % self.count if self.count else 'None'
        return "['%s', '%s', %d, %s]" % (self.type, self.name, self.length, count)

    @property
    def type_name(self):
        return self.type[7:-2] if self.type.startswith('vl_api_') else None


class Object:
    """kind: enum, enumflag, typedef, union, alias, define"""

    def __init__(self, kind, name, fields=(), **more):
        self.kind, self.name, self.fields = kind, name, list(fields)
        self.flags, self.options, self.values, self.doc = [], {}, [], ''
        self.base, self.length, self.imported = 'u32', None, False
        self.__dict__.update(more)

    def repr_text(self):
        if self.kind == 'alias':
            return '[]'
        if self.kind in ('enum', 'enumflag'):
            return '[%s]' % ', '.join("['%s', %d]" % (n, v) for n, v, old in self.values if not old)
        return '[%s]' % ', '.join(f.repr_text() for f in self.fields)


class Parser:
    def __init__(self, path):
        self.path = path
        text = open(path, encoding='utf-8').read()
        self.tokens, pos = [], 0
        while pos < len(text):
            m = TOKEN.match(text, pos)
            if not m:
                raise ApiError('%s:%d: unexpected character %r' % (path, text.count('\n', 0, pos) + 1, text[pos]))
            if m.lastgroup:
                self.tokens.append((m.lastgroup, m.group(), text.count('\n', 0, pos) + 1))
            pos = m.end()
        self.at = 0

    def peek(self):
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def kind(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else None

    def take(self, *wanted):
        if self.at >= len(self.tokens):
            raise ApiError('%s: unexpected end' % self.path)
        kind, text, line = self.tokens[self.at]
        if wanted and text not in wanted and kind not in wanted:
            raise ApiError('%s:%d: expected %s, got %r' % (self.path, line, ' or '.join(wanted), text))
        self.at += 1
        return text

    def value(self):
        text = self.take('string', 'number', 'id')
        if text[0] == '"':
            return text[1:-1]
        if text in ('true', 'false'):
            return text == 'true'
        try:
            return int(text, 0)
        except ValueError:
            return float(text) if re.match(r'-?\d', text) else text

    def bracket_options(self):
        options = {}
        while self.peek() == '[':
            self.take('[')
            while self.peek() != ']':
                name = self.take('id')
                options[name] = None
                if self.peek() == '=':
                    self.take('=')
                    options[name] = self.value()
                if self.peek() == ',':
                    self.take(',')
            self.take(']')
        return options

    def option(self):
        name, value = self.take('id'), None
        if self.peek() == '=':
            self.take('=')
            value = self.value()
        self.take(';')
        return name, value

    def field(self):
        type_, name = self.take('id'), self.take('id')
        length = count = None
        if self.peek() == '[' and self.tokens[self.at + 1][1] == ']':
            self.take('['), self.take(']')
            length = 0
        elif self.peek() == '[' and self.tokens[self.at + 2][1] == ']' and self.tokens[self.at + 1][0] in ('number', 'id'):
            self.take('[')
            what = self.value()
            self.take(']')
            length, count = (what, None) if isinstance(what, int) else (0, what)
        options = self.bracket_options()
        self.take(';')
        return Field(type_, name, length, count, options)

    def body(self, obj):
        self.take('{')
        while self.peek() != '}':
            if self.kind() == 'doc':
                self.take()
            elif self.peek() == 'option':
                self.take()
                name, value = self.option()
                obj.options[name] = value
            else:
                obj.fields.append(self.field())
        self.take('}'), self.take(';')
        return obj

    def enum(self, kind):
        obj = Object(kind, self.take('id'))
        if self.peek() == ':':
            self.take(':')
            obj.base = self.take('id')
        self.take('{')
        following = 0
        while self.peek() != '}':
            if self.kind() == 'doc':
                self.take()
                continue
            name = self.take('id')
            if self.peek() == '=':
                self.take('=')
                following = self.value()
            options = self.bracket_options()
            obj.values.append((name, following, 'backwards_compatible' in options))
            following += 1
            if self.peek() == ',':
                self.take(',')
        self.take('}'), self.take(';')
        return obj

    def typedef(self):
        word = self.take('id')
        if self.peek() == '{':
            return self.body(Object('typedef', word))
        name, length = self.take('id'), None
        if self.peek() == '[':
            self.take('[')
            length = self.value()
            self.take(']')
        self.take(';')
        return Object('alias', name, [Field(word, name, length)], length=length, target=word)


class Service:
    def __init__(self, reply=None, stream=False, stream_msg=None, events=()):
        self.reply, self.stream, self.stream_msg, self.events = reply, stream, stream_msg, list(events)


class Api:
    """One .api file with what it imports."""

    def __init__(self, path):
        self.path = path
        self.module = os.path.basename(path)[:-len('.api')]
        self.objects, self.own, self.options, self.imports = [], [], {}, []
        self.services, self.counters, self.paths = {}, [], []
        self.by_type = {}
        self.parse(Parser(path), False, [])

    def add(self, obj, imported):
        obj.imported = imported
        if obj.kind != 'define':
            if obj.name in self.by_type and not imported:
                raise ApiError('%s: type %s twice' % (self.path, obj.name))
            self.by_type[obj.name] = obj
        elif imported:
            return
        self.objects.append(obj)
        if not imported:
            self.own.append(obj)

    def parse_import(self, name, stack):
        self.imports.append(name)
        path = next((p for p in (os.path.join(folder, os.path.basename(name))
                                 for folder in [os.path.dirname(self.path)] + INCLUDE) if os.path.exists(p)), None)
        if path is None:
            raise ApiError('%s: there is no %s' % (self.path, name))
        if path in stack:
            raise ApiError('%s: imports itself' % path)
        self.parse(Parser(path), True, stack + [path])

    def parse(self, p, imported, stack):
        doc = ''
        while p.peek() is not None:
            if p.kind() == 'doc':
                doc = re.sub(r'\s*\n\s*\*?\s*', '\n', p.take()[3:-2]).strip()
                continue
            word = p.take('id')
            flags = []
            while word in FLAGS:
                flags.append(word)
                word = p.take('id')
            if word == 'option':
                name, value = p.option()
                if not imported:
                    self.options[name] = value
            elif word == 'import':
                name = p.take('string')[1:-1]
                p.take(';')
                self.parse_import(name, stack)
            elif word in ('enum', 'enumflag'):
                self.add(p.enum(word), imported)
            elif word == 'typedef':
                self.add(p.typedef(), imported)
            elif word == 'union':
                self.add(p.body(Object('union', p.take('id'))), imported)
            elif word == 'define':
                self.define(p, flags, doc, imported)
            elif word == 'service':
                self.parse_services(p, imported)
            elif word == 'counters':
                self.parse_counters(p, imported)
            elif word == 'paths':
                self.parse_paths(p, imported)
            else:
                raise ApiError('%s: unknown statement %r' % (p.path, word))
            doc = ''

    def define(self, p, flags, doc, imported):
        obj = p.body(Object('define', p.take('id'), flags=flags, doc=doc))
        self.add(obj, imported)
        if 'autoreply' in flags:
            unserved = 'unserved' in flags or obj.name.endswith('_details')  # which nobody answers
            self.add(Object('define', obj.name + '_reply', [Field('u32', 'context'), Field('i32', 'retval')],
                            flags=['made'] + ['unserved'] * unserved, options=dict(obj.options)), imported)

    def parse_services(self, p, imported):
        p.take('{')
        while p.peek() != '}':
            p.take('rpc')
            name = p.take('id')
            p.take('returns')
            s = Service()
            if p.peek() == 'stream':
                p.take()
                s.reply, s.stream = p.take('id'), True
            else:
                s.reply = p.take('id')
                if p.peek() == 'stream':
                    p.take()
                    s.stream, s.stream_msg = True, p.take('id')
            if p.peek() == 'events':
                p.take()
                s.events.append(p.take('id'))
                while p.peek() == ',':
                    p.take()
                    s.events.append(p.take('id'))
            p.take(';')
            if not imported:
                self.services[name] = s
        p.take('}'), p.take(';')

    def parse_counters(self, p, imported):
        group = {'name': p.take('id'), 'elements': []}
        p.take('{')
        while p.peek() != '}':
            c = {'name': p.take('id')}
            p.take('{')
            while p.peek() != '}':
                key = p.take('id')
                c[key] = p.value()
                p.take(';')
            p.take('}'), p.take(';')
            group['elements'].append(c)
        p.take('}'), p.take(';')
        if not imported:
            self.counters.append(group)

    def parse_paths(self, p, imported):
        entries = []
        p.take('{')
        while p.peek() != '}':
            path = p.take('string')[1:-1]
            entries.append({'path': path, 'counter': p.take('string')[1:-1]})
            p.take(';')
        p.take('}'), p.take(';')
        if not imported:
            self.paths.append(entries)

    # --- what follows from it ---

    def messages(self):
        return [o for o in self.own if o.kind == 'define']

    def type_of(self, field):
        if not field.type_name:
            return None
        if field.type_name not in self.by_type:
            raise ApiError('%s: no type %s' % (self.path, field.type))
        return self.by_type[field.type_name]

    def crc(self, obj):
        return self.fold(obj, zlib.crc32(obj.repr_text().encode()))

    def fold(self, obj, crc):
        for f in obj.fields:
            t = self.type_of(f)
            if not t:
                continue
            crc = zlib.crc32(t.repr_text().encode(), crc)
            if t.kind in ('typedef', 'union'):
                crc = self.fold(t, crc)
        return crc

    def file_crc(self, objects):
        """Of the file's own objects: by this name get_first_msg_id knows it. Of these and all that it imports, each
        time that it does: what its JSON says."""
        crc = 0
        for name in self.options:
            crc = zlib.crc32(name.encode(), crc)
        for o in objects:
            if 'made' not in o.flags:
                crc = zlib.crc32(o.repr_text().encode(), crc)
        return crc

    def wire_bytes(self, field):
        """Bytes of one element; for structs the least."""
        t = self.type_of(field)
        if field.type == 'string':
            return 1
        return BASE[field.type] if not t else self.type_bytes(t)

    def type_bytes(self, t):
        if t.kind in ('enum', 'enumflag'):
            return BASE[t.base]
        if t.kind == 'union':
            return max(self.field_bytes(f) for f in t.fields)
        return sum(self.field_bytes(f) for f in t.fields)

    def field_bytes(self, f):
        if f.type == 'string' and f.length == 0:
            return 4
        return self.wire_bytes(f) * (1 if f.length is None else f.length)


# --- C -----------------------------------------------------------------------------------------

def resolve(api, field):
    """(scalar C type | None, struct type | None, elements | None) with aliases and enums seen through."""
    t, length = api.type_of(field), field.length
    while t and t.kind == 'alias':
        inner = t.fields[0]
        if inner.length is not None:
            length = inner.length if length is None else length * inner.length
        if not inner.type_name:
            return inner.type, None, length
        t = api.type_of(inner)
    if not t:
        return field.type, None, length
    if t.kind in ('enum', 'enumflag'):
        return t.base, None, length
    return None, t, length


def c_member(api, f):
    scalar, struct, length = resolve(api, f)
    if f.type == 'string':
        return '    char %s[%d];' % (f.name, f.length) if f.length else \
            '    u32 %s_bytes;\n    const char *%s;' % (f.name, f.name)
    if struct and struct.kind == 'union':
        ctype, length = 'u8', api.type_bytes(struct) * (1 if length is None else length)
    elif struct:
        ctype = 'struct api_type_%s' % struct.name
    else:
        ctype = CTYPE.get(scalar, scalar)
    if f.length == 0:
        extra = '' if f.count else '    u32 %s_n;\n' % f.name
        return '%s    const %s *%s;' % (extra, ctype, f.name)
    return '    %s %s%s;' % (ctype, f.name, '' if length is None else '[%d]' % length)


def c_header(api):
    out = ['/* Made from %s.api. Structs are in host order; control/api_codec.h turns them into wire form. */' % api.module,
           '#pragma once', '', '#include "control/api_codec.h"']
    for name in dict.fromkeys(api.imports):
        beside = os.path.exists(os.path.join(os.path.dirname(api.path), os.path.basename(name)))
        out.append('#include "%sapi_%s.h"' % ('' if beside else 'api/', os.path.basename(name)[:-4]))
    out.append('')
    for o in api.own:
        if o.kind in ('enum', 'enumflag'):
            out.append('enum api_enum_%s {' % o.name)
            out += ['    %s = %d,' % (n, v) for n, v, _ in o.values]
            out += ['};', '']
        elif o.kind == 'typedef':
            out += ['struct api_type_%s {' % o.name] + [c_member(api, f) for f in o.fields] + ['};']
            out += ['extern const struct api_type api_type_%s;' % o.name, '']
        elif o.kind == 'define':
            out += ['struct api_%s {' % o.name] + [c_member(api, f) for f in o.fields] + ['};']
            out += ['extern const struct api_message api_message_%s;' % o.name, '']
    out.append('extern const struct api_file api_file_%s;' % api.module)
    return '\n'.join(out) + '\n'


def c_field(api, owner, f):
    scalar, struct, length = resolve(api, f)
    count, count_at, kind, type_ = 'API_ONE', '0', None, 'NULL'
    n = 0
    if f.type == 'string':
        kind = 'API_STRING' if f.length else 'API_STRING_REST'
        n = f.length
        if not f.length:
            count_at = 'offsetof(struct %s, %s_bytes)' % (owner, f.name)
        return '    {"%s", %s, API_ONE, %d, offsetof(struct %s, %s), %s, 0, NULL},' % (
            f.name, kind, n, owner, f.name, count_at)
    if struct and struct.kind == 'union':
        kind, length = 'API_U8', api.type_bytes(struct) * (1 if length is None else length)
    elif struct:
        kind, type_ = 'API_STRUCT', '&api_type_%s' % struct.name
    else:
        kind = {1: 'API_U8', 2: 'API_U16', 4: 'API_U32', 8: 'API_U64'}[BASE[scalar]]
        if scalar == 'f64':
            kind = 'API_F64'
    count_bytes = '0'
    if f.length == 0 and f.count:
        count = 'API_COUNTED'
        count_at = 'offsetof(struct %s, %s)' % (owner, f.count)
        count_bytes = 'sizeof(((struct %s *) 0)->%s)' % (owner, f.count)
    elif f.length == 0:
        count = 'API_REST'
        count_at = 'offsetof(struct %s, %s_n)' % (owner, f.name)
    elif length is not None:
        count, n = 'API_FIXED', length
    return '    {"%s", %s, %s, %d, offsetof(struct %s, %s), %s, %s, %s},' % (
        f.name, kind, count, n, owner, f.name, count_at, count_bytes, type_)


def c_type(api, owner, label, obj):
    fields = [c_field(api, owner, f) for f in obj.fields]
    least = sum(api.field_bytes(f) for f in obj.fields)
    out = []
    if fields:
        out += ['static const struct api_field fields_%s[] = {' % label] + fields + ['};']
    body = '{"%s", %s, %d, sizeof(struct %s), %d}' % (
        obj.name, 'fields_' + label if fields else 'NULL', len(fields), owner, least)
    return out, body


def sent_by(api, m):
    """Names of the messages that answer m: its reply first, then details and events."""
    names = {o.name for o in api.messages()}
    s = api.services.get(m.name)
    if s:
        found = [s.reply, s.stream_msg] + s.events
    else:
        found = [(json_service(m.name, names) or {}).get('reply')]
    return [n for n in found if n in names]


def c_source(api):
    out = ['/* Made from %s.api. */' % api.module, '#include "api_%s.h"' % api.module, '', '#include <stddef.h>', '']
    for o in api.own:
        if o.kind == 'typedef':
            lines, body = c_type(api, 'api_type_' + o.name, 'type_' + o.name, o)
            out += lines + ['const struct api_type api_type_%s = %s;' % (o.name, body), '']
    for m in api.messages():
        lines, body = c_type(api, 'api_' + m.name, m.name, m)
        names = [f.name for f in m.fields]
        answers = names[:1] == ['context'] or m.name.endswith(('_reply', '_details'))
        kind = 'API_EVENT' if 'context' not in names else 'API_REPLY' if answers else 'API_REQUEST'
        sends = sent_by(api, m)
        if sends:
            out += ['static const struct api_message *const sends_%s[] = {%s, NULL};' %
                    (m.name, ', '.join('&api_message_' + s for s in sends))]
        out += lines + ['static const struct api_type type_of_%s = %s;' % (m.name, body),
                        'const struct api_message api_message_%s = {"%s", 0x%08x, %s, &type_of_%s, &api_file_%s, %s};' %
                        (m.name, m.name, api.crc(m), kind, m.name, api.module,
                         'sends_' + m.name if sends else 'NULL'), '']
    out += ['static const char json[] =']
    out += ['    ' + json.dumps(line + '\n') for line in json_text(api).rstrip('\n').split('\n')]
    out += ['    ;', '']
    out += ['static const struct api_message *const messages[] = {']
    out += ['    &api_message_%s,' % m.name for m in api.messages()] + ['    NULL,', '};', '']
    version = api.options.get('version', '0.0.0')
    out += ['const struct api_file api_file_%s = {"%s", "%s", 0x%08x, messages, json};' %
            (api.module, api.module, version, api.file_crc(api.own))]
    return '\n'.join(out) + '\n'


# --- JSON --------------------------------------------------------------------------------------

def json_field(f):
    out = [f.type, f.name]
    if f.length is not None:
        out.append(f.length)
        if f.count:
            out.append(f.count)
    if f.options:
        out.append({k: 'true' if v is True else v for k, v in f.options.items()})
    return out


def json_service(name, names):
    if name.endswith('_details'):
        return None
    if name.endswith('_dump') and name[:-5] + '_details' in names:
        return {'reply': name[:-5] + '_details', 'stream': True}
    if name + '_reply' in names:
        return {'reply': name + '_reply'}
    return None


def json_services(api, messages):
    """Those that are declared, then those that follow from names."""
    names = {m.name for m in messages}
    services = {}
    for name, s in api.services.items():
        if name in names:
            services[name] = {'reply': s.reply}
            if s.stream:
                services[name]['stream'] = True
            if s.stream_msg:
                services[name]['stream_msg'] = s.stream_msg
            if s.events:
                services[name]['events'] = s.events
    for m in messages:
        s = json_service(m.name, names)
        if s and m.name not in services:
            services[m.name] = s
    return services


def json_struct(obj):
    return [obj.name] + [json_field(f) for f in obj.fields]


def to_json(api):
    served = [m for m in api.messages() if 'unserved' not in m.flags]
    types = {o.name: o for o in api.objects if o.kind != 'define'}  # each once, however many files import it
    of_kind = {kind: [o for o in types.values() if o.kind == kind]
               for kind in ('typedef', 'union', 'enum', 'enumflag', 'alias')}
    messages = []
    for m in served:
        messages.append([m.name, ['u16', '_vl_msg_id']] + [json_field(f) for f in m.fields] +
                        [{'crc': '0x%08x' % api.crc(m), 'options': m.options, 'comment': m.doc}])
    enums = {kind: [[o.name] + [[n, v] for n, v, _ in o.values] + [{'enumtype': o.base}] for o in of_kind[kind]]
             for kind in ('enum', 'enumflag')}
    aliases = {}
    for o in of_kind['alias']:
        aliases[o.name] = {'type': o.target}
        if o.length is not None:
            aliases[o.name]['length'] = o.length
    return {
        'module': api.module,
        'types': [json_struct(o) for o in of_kind['typedef']],
        'messages': messages,
        'unions': [json_struct(o) for o in of_kind['union']],
        'enums': enums['enum'],
        'enumflags': enums['enumflag'],
        'services': json_services(api, served),
        'options': {k: str(v) for k, v in api.options.items()},
        'aliases': aliases,
        'vl_api_version': '0x%x' % api.file_crc(api.objects),
        'imports': api.imports,
        'counters': api.counters,
        'paths': api.paths,
    }


def json_text(api):
    return json.dumps(to_json(api), indent=4, separators=(',', ': ')) + '\n'


# --- documentation -----------------------------------------------------------------------------

def field_text(f):
    size = '' if f.length is None else '[%s]' % (f.count or f.length or '')
    return '%s %s%s' % (f.type_name or f.type, f.name, size)


def fields_text(m):
    return ', '.join(field_text(f) for f in m.fields if f.name not in ('client_index', 'context')) or 'nothing'


def reference(paths, served):
    """docs/api.md. served: "name_crc" of the messages of a running switch."""
    out = ['# Messages of the binary API', '',
           'What clients find in the message table: name, CRC and fields of each, without the `client_index` and',
           '`context` that they begin with. Made by tools/gen-docs.sh.', '',
           "What VPP answers with an address in memory that it shares with its client is not there, since a client of the",
           'socket cannot read it: `graph_node_get` is there in place of `get_node_graph`, and `cli_inband` in place of',
           "`cli`.", '']
    for path in sorted(paths, key=os.path.basename):
        api = Api(path)
        here = [m for m in api.messages() if '%s_%08x' % (m.name, api.crc(m)) in served]
        if here:
            out += ['## %s %s' % (api.module, api.options.get('version', '')), '']
            out += ['- `%s` %08x: %s' % (m.name, api.crc(m), fields_text(m)) for m in here] + ['']
    return '\n'.join(out)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    what, paths = sys.argv[1], sys.argv[2:]
    if '-I' in paths:
        INCLUDE.extend(paths[paths.index('-I') + 1:])
        paths = paths[:paths.index('-I')]
    if what == 'crc':
        for path in paths:
            api = Api(path)
            for m in api.messages():
                print('%s %08x' % (m.name, api.crc(m)))
            print('%s.api %08x' % (api.module, api.file_crc(api.own)))
            print('%s.api.json %08x' % (api.module, api.file_crc(api.objects)))
        return
    if what == 'doc':
        with open(paths[0], encoding='utf-8') as names, open(paths[1], 'w', encoding='utf-8') as out:
            out.write(reference(paths[2:], set(names.read().split())))
        return
    make = {'header': c_header, 'source': c_source, 'json': json_text}
    kinds = ['source', 'json'] if what == 'tables' else [what]
    api = Api(paths[0])
    for kind, path in zip(kinds, paths[1:]):
        text = make[kind](api)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)


if __name__ == '__main__':
    try:
        main()
    except ApiError as e:
        sys.exit('gen-api: %s' % e)
