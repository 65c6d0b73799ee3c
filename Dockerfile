# The one image of the product; the subcommand says which process it is. The application is copied, never installed
# (docs/decisions/0001-never-installed.md): /app is the one place on the path.
FROM python:3.13-slim AS libraries
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock /
RUN python -m venv /venv && /venv/bin/pip install --require-hashes --only-binary :all: -r /requirements.lock

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --user-group --no-create-home opscom \
    && printf '#!/bin/sh\nexec python -m opscom "$@"\n' >/usr/local/bin/opscom \
    && chmod 755 /usr/local/bin/opscom
COPY --from=libraries /venv /venv
WORKDIR /app
COPY opscom opscom
COPY gateway gateway
COPY schema schema
COPY jobs jobs
COPY auth auth
COPY tenants tenants
COPY domain domain
# The file system is read-only where it runs, so modules are compiled here.
RUN python -m compileall -q /app
USER 10001:10001
EXPOSE 8000 9000
ENTRYPOINT ["opscom"]
CMD ["gateway"]
