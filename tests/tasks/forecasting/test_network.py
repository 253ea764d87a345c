"""The network: what it may look at, batches against plain slices, and the decoders' own promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from elman.cells import create
from elman.data.panel import Panel
from elman.data.panel_building import build_panel
from elman.data.panel_columns import SeriesColumns
from elman.data.panel_sources import frame_source
from elman.data.panel_tables import series_table
from elman.data.windows import Windows, all_windows
from elman.tasks.forecasting.features import Features, Store
from elman.tasks.forecasting.network import Batch, ForecastNetwork, Sizes, _walk, window_level
from elman.tasks.forecasting.options import ForecastOptions
from elman.tasks.forecasting.outputs import create_output

L, H, W = 13, 7, 4


def panel() -> Panel:
    random = np.random.default_rng(5)
    a, b = 40, 31
    frame = pl.DataFrame(
        {
            "unique_id": ["a"] * a + ["b"] * b,
            "ds": [*range(a), *range(10, 10 + b)],
            "y": random.normal(size=a + b) * 3 + 10,
            "z": random.normal(size=a + b),
            "heat": random.normal(size=a + b),
            "wind": random.choice(["n", "s", "w"], a + b),
            "rain": random.normal(size=a + b),
        }
    ).with_columns(y=pl.when(pl.col("ds") == 12).then(None).otherwise(pl.col("y")))
    columns = SeriesColumns(targets=("y", "z"), known=("heat", "wind"), past=("rain",))
    return build_panel(series_table(frame_source(frame, "df"), columns))


PANEL = panel()


def features(together: bool) -> tuple[Features, Windows]:
    windows = all_windows(PANEL, horizon=H, lookback=L, channels=1 if together else 2)
    return Features.learn(PANEL, windows, calendar=False, season=3, together=together, counts=False), windows


def network(
    decoder: str, store: Store, together: bool, output: str = "point", **options: Any
) -> ForecastNetwork:
    chosen = ForecastOptions(
        decoder=decoder, normalize="last", hidden_size=6, dropout=0.0, cell="lstm", output=output, **options
    )
    known, past = store.widths
    sizes = Sizes(L, H, 2 if together else 1, known, past, 3, 0, W, 6)
    kind = create_output(output, loss="mse", levels=(0.1, 0.5, 0.9))
    torch.manual_seed(0)
    return ForecastNetwork(sizes, kind, create("lstm"), chosen).eval()


@pytest.mark.parametrize("together", [False, True])
def test_batches_against_plain_slices(together: bool) -> None:
    learned, windows = features(together)
    store = Store(learned, PANEL)
    places = np.random.default_rng(1).permutation(len(windows))[:20]
    batch = store.batch(windows, places)
    series, origins, channels = windows.locate(places)
    known = np.where(PANEL.observed, PANEL.values, np.nan)
    mean = [
        np.nanmean(known[start : start + end], 0) for start, end in zip(PANEL.starts, PANEL.ends, strict=True)
    ]
    for row, (n, origin, channel) in enumerate(zip(series, origins, channels, strict=True)):
        rows = PANEL.starts[n] + origin + np.arange(-L, H)
        picked = slice(None) if together else slice(channel, channel + 1)
        values = store.original(batch.truth[row : row + 1], series[row : row + 1], channels[row : row + 1])
        np.testing.assert_allclose(values[0], PANEL.values[rows[L:], picked], rtol=1e-5)
        assert (batch.observed[row].numpy() == PANEL.observed[rows[L:], picked]).all()
        heat = PANEL.numbers["heat"]
        np.testing.assert_allclose(batch.known[row, :, 0], (heat[rows] - heat.mean()) / heat.std(), atol=1e-5)
        codes, names = PANEL.categories["wind"]
        assert names == ("n", "s", "w")
        assert batch.known[row, :, 1:].argmax(-1).tolist() == codes[rows].tolist()
        np.testing.assert_array_equal(
            batch.past[row, :, 1:].numpy().astype(bool), PANEL.observed[rows[:L], picked]
        )
        assert batch.series[row] == (n + 1 if together else 2 * n + channel + 1)
        np.testing.assert_allclose(store.mean[n], mean[n])


def test_what_lies_before_a_series_repeats_its_first_step() -> None:
    learned, _ = features(True)
    store = Store(learned, PANEL)
    early = Windows(PANEL, np.array([2, 2]), np.array([3, 3]), L, H)
    batch = store.batch(early, np.array([1]))
    first = PANEL.starts[1]
    assert (batch.history[0, : L - 2] == store.values[first]).all()
    assert (batch.history[0, L - 2 :] == store.values[first : first + 2]).all()
    assert batch.past.shape == (1, L, 1 + 2)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("decoder", ["direct", "recursive", "segments"])
def test_no_forecast_sees_what_comes(decoder: str, together: bool) -> None:
    learned, windows = features(together)
    store = Store(learned, PANEL)
    net = network(decoder, store, together)
    batch = store.batch(windows, np.arange(5))
    raw = net(batch)[0]
    assert raw.shape == (5, H, 2 if together else 1, 1)
    hidden = batch._replace(truth=torch.full_like(batch.truth, torch.nan))
    torch.testing.assert_close(net(hidden)[0], raw)
    for step in range(H):  # a covariate that is known ahead is read; a recursive step reads none behind it
        known = batch.known.clone()
        known[:, L + step] += 1.0
        moved = (net(batch._replace(known=known))[0] - raw).abs().amax((0, 2, 3)) > 1e-9
        assert moved[step]
        if decoder == "recursive":
            assert not moved[:step].any()
    past = batch.history.clone()
    past[:, 0] += 1.0
    assert (net(batch._replace(history=past))[0] - raw).abs().max() > 0
    for feature in range(batch.past.shape[2]):  # a covariate, and where targets were missing
        past = batch.past.clone()
        past[:, -1, feature] += 1.0
        assert (net(batch._replace(past=past))[0] - raw).abs().amax((1, 2, 3)).min() > 1e-9


@pytest.mark.parametrize("output", ["point", "gaussian"])
def test_teaching_agrees_with_running_on_the_truth(output: str) -> None:
    learned, windows = features(True)
    store = Store(learned, PANEL)
    net = network("recursive", store, True, output)
    batch = store.batch(windows, np.arange(4))
    taught, level, size = net(batch, teach=True)
    came = iter(batch.truth.unbind(1))
    ran, _ = net.decoder.run(batch, level, size, lambda raw, level, size: next(came))  # type: ignore[operator]
    torch.testing.assert_close(taught, ran)
    free = net(batch)[0]
    torch.testing.assert_close(free[:, 0], taught[:, 0])
    assert (free[:, 1:] - taught[:, 1:]).abs().max() > 1e-4


def test_segments_shorter_than_the_rest_are_padded() -> None:
    net = network("segments", Store(features(True)[0], PANEL), True)
    cut = net.decoder._cut(torch.arange(L, dtype=torch.float32)[None, :, None], back=True)  # type: ignore
    assert cut[:, 0].tolist() == [[0, 0, 0, 0], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    ahead = net.decoder._cut(torch.arange(H, dtype=torch.float32)[None, :, None], back=False)  # type: ignore
    assert ahead[:, 0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 6]]


@pytest.mark.parametrize("kind", ["last", "window", "mean", "series"])
def test_levels_of_windows(kind: str) -> None:
    history = torch.randn(3, 9, 2) * 2 + 5
    level, size = window_level(history, kind)
    expected = {
        "last": (history[:, -1], torch.ones(3, 2)),
        "window": (history.mean(1), history.std(1, correction=0) + 1e-2),
        "mean": (torch.zeros(3, 2), 1 + history.abs().mean(1)),
        "series": (torch.zeros(3, 2), torch.ones(3, 2)),
    }[kind]
    torch.testing.assert_close((level[:, 0], size[:, 0]), expected)


@pytest.mark.parametrize("decoder", ["direct", "segments"])
def test_forecasts_move_with_the_window(decoder: str) -> None:
    """With the last value taken off, a window that lies higher is forecast higher by as much."""
    learned, windows = features(False)
    store = Store(learned, PANEL)
    net = network(decoder, store, False)
    batch = store.batch(windows, np.arange(6))
    low = net.output.point(*net(batch))
    high = net.output.point(*net(batch._replace(history=batch.history + 3)))
    torch.testing.assert_close(high, low + 3, atol=1e-5, rtol=1e-5)


def test_truncated_gradients() -> None:
    net = network("direct", Store(features(True)[0], PANEL), True)
    body = net.decoder.body
    x = torch.randn(9, 2, body.input_size, requires_grad=True)  # type: ignore
    whole, state = _walk(body, x, None)  # type: ignore
    part, ended = _walk(body, x, 4)  # type: ignore
    torch.testing.assert_close(part, whole[-4:])  # those before are read by nothing
    torch.testing.assert_close(ended, state)
    part[-1].sum().backward()
    assert x.grad is not None
    assert (x.grad[:5] == 0).all()
    assert (x.grad[5:].abs().amax((1, 2)) > 0).all()


def test_batch_is_what_the_precision_plugins_can_convert() -> None:
    assert issubclass(Batch, tuple)
