# Every target sets up .venv by itself (localcloud/bootstrap.py), then runs one command in it.
PYTHON ?= python3
# -I: nothing that the caller set for Python (PYTHONPATH, a user site) decides what is imported.
RUN := @$(PYTHON) -I localcloud/bootstrap.py
PYTEST = $(RUN) --tests pytest -n 4 --dist loadfile --no-loadscope-reorder
export ALL PORT RETENTION_DAYS STACK ACCOUNT

.PHONY: up down clean demo plan imports test test-long test-all bench lint
up:    ; $(RUN) localcloud.up
down:  ; $(RUN) --bare localcloud.down
clean: ; $(RUN) --bare localcloud.clean
demo:  ; $(RUN) localcloud.demo
plan:  ; $(RUN) localcloud.plan
imports: ; $(RUN) localcloud.imports
test:  lint ; $(PYTEST) -m "not long"
test-long: ; $(PYTEST) -m "long or hypothesis" --hypothesis-profile long --timeout 600
test-all: test test-long
bench: ; $(RUN) --tests benchmarks
lint:  ; $(RUN) --tests localcloud.lint
