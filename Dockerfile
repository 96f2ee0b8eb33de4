# The portal as one image: `serve`, `courier` and every other command. docs/operations.md says how
# to run it.

FROM node:22-slim AS web
WORKDIR /web
COPY web/.npmrc web/package.json web/package-lock.json ./
RUN npm ci --silent
COPY web/vite.config.js ./
COPY web/src src
RUN npm run --silent build

FROM python:3.11-slim AS installed
WORKDIR /portal
COPY requirements.lock ./
RUN python -m venv .venv
RUN .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes \
    --no-cache-dir --only-binary :all: -r requirements.lock
RUN .venv/bin/python -m pip uninstall -qq --yes pip setuptools

FROM python:3.11-slim
LABEL org.opencontainers.image.title="VTConnect client management" \
    org.opencontainers.image.description="The GraphQL API behind the portal and the app" \
    org.opencontainers.image.licenses="MIT"
ENV PATH="/portal/.venv/bin:$PATH" PYTHONDONTWRITEBYTECODE="1" PYTHONUNBUFFERED="1"
WORKDIR /portal
COPY --from=installed /portal/.venv .venv
COPY --from=web /web/built web/built
COPY operations operations
COPY models models
COPY mailer mailer
COPY permissions permissions
COPY resolvers resolvers
COPY schema schema
COPY portal portal
RUN python -m compileall -q models mailer permissions resolvers schema portal

# Somebody who owns nothing here, and may write nowhere but in /tmp.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "portal"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
