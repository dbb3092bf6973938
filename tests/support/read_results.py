import json, sys, h5py, pandas as pd

def read_trials(path):
    with h5py.File(path, "r") as file:
        columns = {k: d for k, d in file["trials"].items() if isinstance(d, h5py.Dataset) and d.ndim == 1}
        table = pd.DataFrame({k: d.asstr()[:] if d.dtype.kind == "S" else d[:] for k, d in columns.items()})
        for k in (k for k, d in columns.items() if "names" in d.attrs):
            table[k] = table[k].astype(str).map(dict(n.split("=") for n in columns[k].attrs["names"].split(";")))
        for k, d in file["trials/params"].items():
            words = json.loads(d.attrs.get("categories", "null"))
            table["params_" + k] = [words[i] if i >= 0 else None for i in d[:]] if words else d[:]
    return table

if __name__ == "__main__":
    print(read_trials(sys.argv[1]).sort_values("objective").to_string())
