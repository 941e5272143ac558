"""A checkpoint names the record that was folded last, and is readable without it."""

from __future__ import annotations

import orjson

from agents.restore import sign, signature


def test_a_signed_state_is_the_state_and_the_record_that_was_folded_last() -> None:
    state = {"v": 1, "cells": {"activity_window": []}}
    signed = orjson.loads(sign(orjson.dumps(state), (99, 1_732_273_265_000)))
    assert signature(signed) == (99, 1_732_273_265_000)
    del signed["newest"]
    assert signed == state


def test_a_checkpoint_of_an_older_version_names_none() -> None:
    assert signature({"v": 1}) is None
