"""Warnings are silenced while a decoder runs, in every thread, and come back afterwards."""

from __future__ import annotations

import threading
import warnings

import pytest

from model.files.warnings_filter import quiet


def test_warnings_are_ignored_inside_and_back_outside() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with quiet():
            warnings.warn("inside", stacklevel=1)
        warnings.warn("outside", stacklevel=1)
    assert [str(warning.message) for warning in heard] == ["outside"]


def test_an_exception_passes_and_the_filters_are_restored() -> None:
    before = list(warnings.filters)
    with pytest.raises(ValueError, match="inside"), quiet():
        raise ValueError("inside")
    assert warnings.filters == before


def test_threads_that_leave_in_the_order_they_came() -> None:
    before = list(warnings.filters)
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with quiet():
            first_in.set()
            second_in.wait(10)
        first_out.set()

    def second() -> None:
        first_in.wait(10)
        with quiet():
            second_in.set()
            first_out.wait(10)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before
