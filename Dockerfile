# The app alone, for any host of containers: docker build -t chest-xray-reader . ; docs/deploy.md tells the rest.
FROM python:3.12-slim-bookworm

WORKDIR /app

# The same lists that Streamlit Community Cloud installs from; first, because they change less often than the code.
COPY packages.txt requirements.txt constraints.txt ./
RUN apt-get update \
    && xargs -a packages.txt apt-get install -y --no-install-recommends \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

COPY .streamlit ./.streamlit
COPY interface ./interface
COPY model/__init__.py model/__main__.py ./model/
COPY model/inference ./model/inference
COPY model/bundles ./model/bundles
COPY pages ./pages
COPY app.py LICENSE ./
# Compiled now: the file system may be read-only later.
RUN python -m compileall -q app.py interface model pages

# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8501, timeout=4); c.request('GET', '/_stcore/health'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true", "--server.fileWatcherType=none"]
