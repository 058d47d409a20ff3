# Sourced by the other scripts: finding a Docker engine.

# engine_answers succeeds when bin/stackctl reaches an engine.
engine_answers() {
	bin/stackctl version --format json 2>/dev/null | grep -q '"Server":{'
}

# need_engine says in one line what to do where no engine answers.
need_engine() {
	engine_answers && return
	bin/stackctl ps 2>&1 >/dev/null | head -n 1 >&2
	return 1
}
