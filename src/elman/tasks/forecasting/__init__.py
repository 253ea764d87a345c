"""What the task forecast is made of: features, network, kinds of outputs, calibration, figures, baselines."""
