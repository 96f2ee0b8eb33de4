"""The door: settings, the Starlette app, the edge before GraphQL, the pages, the command line."""

VERSION = "0.1.0"
