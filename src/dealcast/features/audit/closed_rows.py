"""LK4 and LK7: what closed rows have and open rows of the same age lack, or the other way round."""

from math import erfc, log, sqrt

import numpy as np

from dealcast.features.audit.candidates import Audited
from dealcast.features.audit.coding import is_categorical
from dealcast.features.audit.spec import Bools, Finding, Findings, Ints, NotApplicable

# Fewest closed and fewest open opportunities that can be compared.
FEWEST = 30


def filled_at_close(audited: Audited) -> Findings:
    """By how much (share 0-1) closed rows are more often filled than open ones of the same age."""
    closed, strata = _one_each(audited)
    few = _too_few(closed, strata)
    settings = audited.settings
    strictest = settings.significance / max(1, len(audited.candidates.features))
    findings: Findings = {}
    for name in audited.candidates.features:
        if few:
            findings[name] = few
            continue
        blank = audited.candidates.frame[name].is_null().to_numpy()
        codes = audited.codes.get(name)
        filled = (~blank if codes is None else codes > 0)[audited.one_each]
        gap, p = fill_gap(filled, closed, strata)
        shares = f"filled on {filled[closed].mean():.1%} of closed, {filled[~closed].mean():.1%}"
        leaks = abs(gap) > settings.max_fill_gap and p < strictest
        findings[name] = Finding(abs(gap), leaks, f"{shares} of open rows (p = {p:.1g})")
    return findings


def fill_gap(filled: Bools, closed: Bools, strata: Ints) -> tuple[float, float]:
    """Difference of the fill rates of closed and open rows within strata, and its p-value.

    The difference is Mantel and Haenszel's, the test Cochran's: both compare like with like, and
    hold where strata are small.
    """
    size = int(strata.max(initial=0)) + 1
    n_closed, n_open = (np.bincount(strata[w], minlength=size) for w in (closed, ~closed))
    n_filled = np.bincount(strata[filled], minlength=size)
    seen = np.bincount(strata[filled & closed], minlength=size)
    n = np.maximum(n_closed + n_open, 1)
    weight = (n_closed * n_open / n).sum()
    excess = float((seen - n_closed * n_filled / n).sum())
    spread = n_closed * n_open * n_filled * (n - n_filled) / (n**2 * np.maximum(n - 1, 1))
    if not spread.sum():
        return 0.0, 1.0
    return excess / weight, erfc(abs(excess) / sqrt(2 * spread.sum()))


def only_closed_rows(audited: Audited) -> Findings:
    """Share (0-1) of closed rows whose category no open row has, or of open whose no closed has.

    A category counts only where its absence cannot be chance.
    """
    closed, strata = _one_each(audited)
    few = _too_few(closed, strata)
    findings: Findings = {}
    for name in audited.candidates.features:
        values = audited.values.get(name)
        if few:
            findings[name] = few
        elif values is None or not is_categorical(values):
            findings[name] = NotApplicable("it is a quantity, not a category")
        else:
            own = values.gather(audited.one_each)
            codes = (own.rank("dense").fill_null(0)).to_numpy().astype(np.int64)
            findings[name] = _unseen(codes, closed, strata, audited)
    return findings


def _unseen(codes: Ints, closed: Bools, strata: Ints, audited: Audited) -> Finding:
    settings, features = audited.settings, len(audited.candidates.features)
    strictest = settings.significance / features / (2 * int(codes.max(initial=0)) + 2)
    shares = {
        words: unseen_share(codes, here, strata, significance=strictest)
        for words, here in (("closed", closed), ("open", ~closed))
    }
    words = max(shares, key=lambda w: shares[w])
    note = f"{shares[words]:.1%} of {words} rows have a value that no other row of their age has"
    leaks = shares[words] > settings.max_unseen_share
    return Finding(shares[words], leaks, note if shares[words] else None)


def unseen_share(codes: Ints, here: Bools, strata: Ints, *, significance: float) -> float:
    """Share (0-1) of the rows `here` whose code is nowhere else, where chance cannot explain it.

    Were the code dealt out at random, each of its rows would be here with the share that rows of
    its stratum are; the chance that all are is the product. Null (code 0) is no category.
    """
    per_stratum = np.bincount(strata)
    share_here = np.bincount(strata[here], minlength=len(per_stratum)) / np.maximum(per_stratum, 1)
    with np.errstate(divide="ignore"):
        log_chance = np.bincount(codes, weights=np.log(share_here)[strata])
    elsewhere = np.bincount(codes[~here], minlength=len(log_chance))
    telling = (elsewhere == 0) & (log_chance < log(significance))
    telling[0] = False
    return float(telling[codes[here]].mean())


def _one_each(audited: Audited) -> tuple[Bools, Ints]:
    return audited.closed[audited.one_each], audited.strata[audited.one_each]


def _too_few(closed: Bools, strata: Ints) -> NotApplicable | None:
    """Why closed and open rows cannot be compared, if so: only strata with both of them count."""
    size = int(strata.max(initial=0)) + 1
    n_closed, n_open = (np.bincount(strata[w], minlength=size) for w in (closed, ~closed))
    both = (n_closed > 0) & (n_open > 0)
    counts = {"closed": n_closed[both].sum(), "open": n_open[both].sum()}
    for words, count in counts.items():
        if count < FEWEST:
            return NotApplicable(
                f"{count} {words} opportunities can be compared with others of their age; "
                f"{FEWEST} are needed"
            )
    return None
