"""Writes web/login's templates, texts and assets as one C file: embed.py OUT DEPFILE ROOT."""

import gzip
import hashlib
import json
import pathlib
import sys

LANGUAGES = ["en", "es", "fr", "de", "ja", "ar"]
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def literal(text):
    """A C string literal, split so that no compiler minds its length."""
    lines = []
    for line in text.splitlines(keepends=True) or [""]:
        data = line.encode()
        for start in range(0, max(len(data), 1), 400):
            piece = data[start:start + 400]
            lines.append('"' + "".join(escape(byte) for byte in piece) + '"')
    return "\n    ".join(lines)


def escape(byte):
    if byte == 0x0A:
        return "\\n"
    if byte in (0x22, 0x5C, 0x3F):
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


def template(path):
    """HTML loses its indentation and its comments of the form {{! … }}; plain text is kept as it is."""
    text = path.read_text()
    while "{{!" in text:
        start = text.index("{{!")
        text = text[:start] + text[text.index("}}", start) + 2:]
    if path.suffix == ".html":
        text = "\n".join(line.strip() for line in text.splitlines() if line.strip()) + "\n"
    return text.lstrip("\n")


def asset(path):
    """A file of assets; a style sheet with what it imports in its place."""
    if path.suffix != ".css":
        return path.read_bytes()
    lines = []
    for line in path.read_text().splitlines(keepends=True):
        imported = line.removeprefix('@import "').removesuffix('";\n') if line.startswith("@import ") else None
        lines.append((path.parent / imported).read_text() if imported else line)
    return "".join(lines).encode()


def phrases(path):
    """A text file: prompt → screen → key → text, as Auth0's custom texts are."""
    found = {}
    for screens in json.loads(path.read_text()).values():
        for screen, keys in screens.items():
            for key, text in keys.items():
                if (screen, key) in found:
                    raise SystemExit(f"{path}: {screen}.{key} is there twice")
                found[screen, key] = text
    return sorted(found.items(), key=lambda item: (item[0][0].encode(), item[0][1].encode()))


def array(name, data):
    body = ",".join(str(byte) for byte in data)
    return f"static const uint8_t {name}[] = {{{body}}};\n"


def depend(out, depfile, root):
    """For ninja: the file is made anew when a source changes, or one comes or goes (a folder's time changes then)."""
    folders = [root / name for name in ("templates", "mails", "texts", "assets")]
    paths = [root.parent / "colours.css"] + folders + [path for folder in folders for path in sorted(folder.iterdir())]
    pathlib.Path(depfile).write_text(f"{out}: " + " ".join(str(path) for path in paths) + "\n")


def main(out, depfile, root):
    root = pathlib.Path(root)
    depend(out, depfile, root)
    c = ['#include "page/sources.h"\n']

    sources = {p.stem if p.suffix == ".html" else p.name: p
               for folder in ("templates", "mails") for p in (root / folder).iterdir() if p.suffix in (".html", ".txt")}
    c.append("const struct page_source page_sources[] = {")
    for name in sorted(sources, key=lambda n: n.encode()):
        c.append(f"    {{{literal(name)}, {literal(template(sources[name]))}}},")
    c.append(f"}};\nconst size_t page_sources_count = {len(sources)};\n")

    books = []
    for language in LANGUAGES:
        path = root / "texts" / f"{language}.json"
        rows = phrases(path) if path.exists() else []
        c.append(f"static const struct page_phrase phrases_{language}[] = {{")
        c += [f"    {{{literal(screen)}, {literal(key)}, {literal(text)}}}," for (screen, key), text in rows]
        c.append("    {0, 0, 0},\n};\n")
        books.append(f'    {{"{language}", phrases_{language}, {len(rows)}}},')
    c.append("const struct page_phrasebook page_phrasebooks[] = {\n" + "\n".join(books) + "\n};")
    names = ", ".join(f'"{language}"' for language in LANGUAGES)
    c.append(f"const char *const page_languages[] = {{{names}}};\nconst size_t page_languages_count = {len(LANGUAGES)};\n")

    rows = []
    for number, path in enumerate(sorted((root / "assets").iterdir())):
        data = asset(path)
        packed = gzip.compress(data, 9, mtime=0)
        digest = hashlib.sha256(data).hexdigest()[:16]
        c += [array(f"asset_{number}", data), array(f"asset_{number}_gzip", packed)]
        rows.append(f'    {{"{path.name}", "{path.stem}.{digest}{path.suffix}", "{TYPES[path.suffix]}", asset_{number}, '
                    f'{len(data)}, asset_{number}_gzip, {len(packed)}}},')
    c.append("const struct page_asset page_assets[] = {\n" + "\n".join(rows) + "\n};")
    c.append(f"const size_t page_assets_count = {len(rows)};\n")
    pathlib.Path(out).write_text("\n".join(c))


main(*sys.argv[1:])
