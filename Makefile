# make course     the environment, every chapter run, the table of results
# make test       the environment, every notebook and every test
# make lab        JupyterLab on the chapters
# make quick      lint, types, and the tests of what everything else stands on, within two minutes
# All tasks: python tools/make.py. They are defined there, so that they work without make too.
PYTHON ?= python3
export VENV TORCH_ARGS NB

TASKS = course test lab quick lint types test-wheel site study notebooks export readme stills env site-env clean
.PHONY: $(TASKS)
.DEFAULT_GOAL = course

$(TASKS):
	@$(PYTHON) tools/make.py $@
