"""The table: what is measured, beside what must be reached."""

from statistics import median


def part(ours, theirs):
    return ours / theirs


def times_as_fast(ours, theirs):
    return theirs / ours


# Unit, how the two are compared, and rows: what, beside what, and the line that the ratio must keep. The names are those of the measurements.
COMPARED = (
    ("ns", "{:.3g} ×", part, (
        ("JWT, cold", "ring Ed25519", "≤ 0.40"),
        ("JWT, cold", "dalek verify_strict", "≤ 0.55"),
        ("v4.public, cold", "ring Ed25519", "≤ 0.40"),
        ("v4.public, cold", "dalek verify_strict", "≤ 0.55"),
        ("JWT, from the cache", "ring Ed25519", "≤ 0.03"),
        ("v4.public, from the cache", "ring Ed25519", "≤ 0.03"),
        ("1 MiB", "ring Ed25519", "≤ 0.12"),
        ("100,000 dots", "ring Ed25519", "≤ 0.12"),
        ("bad header", "ring Ed25519", "≤ 0.12"),
        ("unknown kid", "ring Ed25519", "≤ 0.12"),
        ("v4.public, unknown kid", "ring Ed25519", "≤ 0.12"),
        ("JWT, expired", "JWT, cold", "≤ 1.00"),
        ("v4.public, expired", "v4.public, cold", "≤ 1.00"),
        ("JWT, issued", "our key signs", "≤ 1.15"),
        ("v4.public, issued", "our key signs what v4.public signs", "≤ 1.15"),
        ("our key signs", "dalek signs", "≤ 1.00"),
        ("good token, view of 10 M", "one random read", "≤ 3"),
        ("void token, view of 10 M", "one random read", "≤ 3"),
    )),
    ("ns", "{:.3g} × as fast", times_as_fast, (
        ("JWT, cold", "jsonwebtoken 11.1 on aws-lc, EdDSA", "≥ 2"),
        ("JWT, cold", "jsonwebtoken 11.1 on RustCrypto, EdDSA", ""),
        ("JWT, cold", "jsonwebtoken 9.3 on ring, EdDSA", ""),
        ("JWT, cold", "PyJWT, EdDSA", ""),
        ("JWT, cold", "jose, EdDSA", ""),
        ("JWT, cold", "fast-jwt, EdDSA", ""),
        ("v4.public, cold", "pasetors, v4.public", "≥ 3"),
    )),
    ("/s", "{:.3g} × as many", part, (
        ("refresh, mintage", "refresh, baseline", "≥ 0.75"),
        ("refresh, mintage", "refresh, baseline, a commit synced once", ""),
        ("refresh, mintage", "refresh, baseline, a commit in company", ""),
        ("refresh, mintage, logging each request", "refresh, baseline", ""),
        ("refresh, mintage", "refresh, oidc-provider", "≥ 4"),
        ("refresh, mintage", "refresh, oidc-provider, a sync a write", ""),
        ("refresh, mintage", "refresh, better-auth", "≥ 10"),
        ("refresh, mintage", "refresh, FastAPI + PyJWT", ""),
        ("introspect, mintage", "introspect, baseline", "≥ 0.8"),
        ("introspect, mintage, logging each request", "introspect, baseline", ""),
        ("introspect, mintage", "introspect, oidc-provider", "≥ 6"),
        ("introspect, mintage", "introspect, better-auth", ""),
        ("introspect, mintage", "introspect, FastAPI + PyJWT", ""),
    )),
)
# Nothing stands beside these: the line is for the value itself.
ALONE = (
    ("B", "an entry of the view", "≤ 40"),
    ("s", "ready on an empty store", "≤ 0.1"),
    ("MB", "resident when idle", "≤ 30"),
    ("MB", "resident with a million sessions", "≤ 60"),
)


def table(rounds):
    """`rounds`: for each, a value by name. What was not measured at all is left out; what is missing beside it was skipped."""
    lines = [("what", "measured", "beside", "measured", "ratio", "must reach", "holds")]
    for unit, form, compare, rows in COMPARED:
        for name, beside, line in rows:
            if value := middle(rounds, name):
                lines.append((name, number(value, unit), beside, *compared(rounds, name, beside, line, unit, form, compare)))
    for unit, name, line in ALONE:
        if value := middle(rounds, name):
            lines.append((name, number(value, unit), "", "", "", line, verdict(value, line)))
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)


def compared(rounds, name, beside, line, unit, form, compare):
    if (other := middle(rounds, beside)) is None:
        return "not measured", "", line, ""
    # Of each round by itself: what slowed the machine down slowed both.
    ratio = median(compare(found[name], found[beside]) for found in rounds if name in found and beside in found)
    return number(other, unit), form.format(ratio), line, verdict(ratio, line)


def middle(rounds, name):
    found = [values[name] for values in rounds if name in values]
    return median(found) if found else None


def number(value, unit):
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def verdict(value, line):
    if not line:
        return ""
    sign, bound = line.split()
    return "yes" if (value <= float(bound) if sign == "≤" else value >= float(bound)) else "NO"
