# make course   the environment, every chapter run, the table of results
# make test     the environment, every notebook and every test
# make test-wheel  the package built, and used in an empty environment as its users have it
# make lab      JupyterLab on the chapters
# make site     the chapters and the API as a site to read: build/site/index.html
# A second call reuses the environment in .venv; it is made anew when settings.ini changes.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
SITE = $(VENV)/.site
# What pip should be told when it installs torch, for example where the CPU build is; see README.
TORCH_ARGS ?=

.PHONY: course test test-wheel lab env study site site-env notebooks export readme clean
.DEFAULT_GOAL = course

env: $(READY)

$(READY): settings.ini setup.py pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || { echo "$(PYTHON) is older than Python 3.10: call make with PYTHON=python3.12, say"; exit 1; }
	@echo "Making the environment in $(VENV); the first time this downloads PyTorch and takes some minutes."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -z "$(TORCH_ARGS)" || $(BIN)/python -m pip install --quiet torch torchvision $(TORCH_ARGS)
	@$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

course: $(READY)
	@echo "Running the chapters, two at a time; the results come at the end."
	@$(BIN)/python tools/run_notebooks.py --table --jobs 2
	@echo "To open the chapters: make lab"

test: $(READY)
	@$(BIN)/python -m pytest tests -n auto --dist worksteal

# Downloads what pip would download for a user, PyTorch included.
test-wheel: $(READY)
	@$(BIN)/python tools/try_wheel.py --torch-args="$(TORCH_ARGS)"

lab: $(READY)
	@$(BIN)/jupyter lab nbs

# The twenty seeds of every recipe and the other studies: about an hour and a half; interrupt it and call it again as you like.
study: $(READY)
	@$(BIN)/rnn-course study --folder nbs/results

# The site needs neither PyTorch nor a run: Sphinx from PyPI, MathJax from npm, and from there what its tests drive a browser with.
site-env: $(SITE)

$(SITE): settings.ini docs/package.json
	@command -v npm > /dev/null || { echo "npm is missing: the site takes MathJax from it. It comes with Node.js, from nodejs.org, or apt-get install npm, or brew install node"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@sed -n 's/^site_requirements = //p' settings.ini | tr ' ' '\n' > $(VENV)/site.txt
	@$(BIN)/python -m pip install --quiet -r $(VENV)/site.txt
	@mkdir -p $(VENV)/node && cp docs/package.json $(VENV)/node
	@cd $(VENV)/node && npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error > /dev/null
	@touch $@

site: $(SITE)
	@$(BIN)/python docs/make.py build
	@echo "Open build/site/index.html"

# For contributors: run the chapters and keep their outputs, then clean and export. NB=nbs/05_gru.ipynb for one of them.
notebooks: $(READY)
	@$(BIN)/nbdev_export
	@$(BIN)/python tools/run_notebooks.py --all --save $(NB)
	@$(BIN)/nbdev_clean
	@$(BIN)/nbdev_export
	@$(BIN)/python tools/readme.py

export: $(READY)
	@$(BIN)/nbdev_clean
	@$(BIN)/nbdev_export

readme: $(READY)
	@$(BIN)/python tools/readme.py

clean:
	rm -rf build dist *.egg-info .pytest_cache .hypothesis
