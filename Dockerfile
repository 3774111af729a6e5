# A literal name, because Dependabot does not understand a variable. The base is named here and nowhere else.
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS base

# Packages and code are compiled in a stage of their own: what is needed for that stays behind.
FROM base AS packages
COPY requirements.txt /app/
RUN python -m pip install --no-cache-dir --root-user-action ignore --require-hashes --only-binary :all: --no-compile --prefix /packages -r /app/requirements.txt \
 && find /packages -type d -name tests -prune -exec rm -r {} +
# .dockerignore lets nothing else through. Compiled now, because a container never keeps what it compiles.
COPY . /app/
RUN python -m compileall -q --invalidation-mode unchecked-hash /app \
 && python -m compileall -q --invalidation-mode unchecked-hash -s /packages -p /usr/local /packages

FROM base
LABEL org.opencontainers.image.title="dbt-cloud-run-action" \
      org.opencontainers.image.description="Run a dbt Cloud job, wait for it, and show the result on the commit" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=packages /packages/ /usr/local/
COPY --from=packages /app/ /app/
RUN ln -s /app/entrypoint.py /usr/local/bin/dbt-cloud-run

# No USER: only root may write the runner's files. Nothing here relies on WORKDIR or HOME, which runners
# replace. The exec form makes the script process 1, which gets the runner's signals; its first line asks
# for unbuffered output.
ENTRYPOINT ["/app/entrypoint.py"]
