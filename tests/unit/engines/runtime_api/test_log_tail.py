from pytest_lambda_rollback.engines.runtime_api.outcomes import BYTES, LINES, log_tail


def test_the_clients_own_error_and_remark_are_not_the_functions_log() -> None:
    raw = (
        "loading\n"
        "[WARNING]\t2026-01-01T00:00:00.000Z\t\tLAMBDA_WARNING: Unhandled exception. The most\n"
        "[ERROR] KeyError: 'sku'\rTraceback (most recent call last):\r\u00a0\u00a0File \"a.py\"\n"
        "[ERROR]\t2026-01-01T00:00:00.000Z\tid\tthe function's own error line\n"
        "two\rlines\n"
    )
    assert log_tail(raw.encode()) == (
        "loading",
        "[ERROR]\t2026-01-01T00:00:00.000Z\tid\tthe function's own error line",
        "two",
        "lines",
    )


def test_the_end_of_a_long_log_is_kept() -> None:
    raw = "".join(f"{number}\n" for number in range(LINES + 20)).encode()
    assert log_tail(raw) == tuple(str(number) for number in range(20, LINES + 20))
    assert log_tail(b"x" * (BYTES + 5)) == ("x" * BYTES,)
    assert log_tail(b"\xff\n") == ("\ufffd",)
    assert log_tail(b"") == ()


def test_what_the_client_for_nodejs_logs_of_an_error_is_not_the_functions_log() -> None:
    raw = (
        "2026-01-01T00:00:00.000Z\tid\tINFO\tloading\n"
        '2026-01-01T00:00:00.000Z\tid\tERROR\tInvoke Error \t{"errorType":"TypeError"}\n'
        '2026-01-01T00:00:00.000Z\tundefined\tERROR\tUncaught Exception \t{"errorType":"Error"}\n'
        "2026-01-01T00:00:00.000Z\tid\tERROR\tInvoke Error of my own\n"
    )
    assert log_tail(raw.encode()) == (
        "2026-01-01T00:00:00.000Z\tid\tINFO\tloading",
        "2026-01-01T00:00:00.000Z\tid\tERROR\tInvoke Error of my own",
    )
