"""The examples work, also when what stands behind them does not."""
