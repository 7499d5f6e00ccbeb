"""A."""
def test_a(small):
    """A."""
    import time
    t=time.time()
    print(small.sweep()); print(time.time()-t); t=time.time()
    print(small.dvc("exp","show","--only-changed","--csv")); print(time.time()-t)
    print(small.git("status","--short"))
    print(small.refs())
    import shutil; shutil.rmtree("/tmp/mini",ignore_errors=True); shutil.copytree(small.path,"/tmp/mini",symlinks=True)
    assert 0
