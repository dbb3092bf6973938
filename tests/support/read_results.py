import json, sys, h5py, pandas as pd

def read_trials(path):
    with h5py.File(path, "r") as file:
        columns = {k: d for k, d in file["trials"].items() if isinstance(d, h5py.Dataset) and d.ndim == 1}
        trials = pd.DataFrame({k: d.asstr()[:] if d.dtype.kind == "S" else d[:] for k, d in columns.items()})
        for k in ("state", "reason", "origin"):
            trials[k] = trials[k].astype(str).map(dict(n.split("=") for n in columns[k].attrs["names"].split(";")))
        for k, d in file["trials/params"].items():
            words = json.loads(d.attrs["categories"]) if "categories" in d.attrs else None
            trials["params_" + k] = [words[i] if i >= 0 else None for i in d[:]] if words else d[:]
    return trials

if __name__ == "__main__":
    print(read_trials(sys.argv[1]).sort_values("objective").to_string())
