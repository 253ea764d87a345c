"""Beijing's PM2.5: the next 24 hours, with the weather of those hours known and without.

The first 70 % of the hours are for training, 10 % for validation, 20 % for the test. The weather ahead is
what was measured later, so this is the gain from a perfect weather forecast. Hours without a measurement are
not scored.
"""

from __future__ import annotations

from benchmarks.learning.evidence import Evidence, Figure, report, trained

WITHOUT = (
    "elman train forecast --data {data}/timeseries/beijing_pm25.csv.gz --target pm2.5 --horizon 24 "
    "--lookback 168 --hidden 64 --epochs 4 --calendar --split 30677/4382/8765"
)
EVIDENCE = Evidence("beijing_air", f"{WITHOUT} --known DEWP,TEMP,PRES,cbwd,Iws,Is,Ir")


def main() -> None:
    without, informed = trained(WITHOUT), trained(EVIDENCE.command)
    mae, plain, naive = (
        figures["more"]["mae_original"]
        for figures in (informed["test"], without["test"], informed["baselines"]["seasonal naive"])
    )
    figures = [
        Figure("MAE in µg/m³, below the same without the weather", mae, plain, lower=True, digits=2),
        Figure("MAE in µg/m³, below the seasonal naive forecast", mae, naive, lower=True, digits=2),
    ]
    report(EVIDENCE.name, EVIDENCE.command, figures, results=[informed, without])


if __name__ == "__main__":
    main()
