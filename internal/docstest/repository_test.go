package docstest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/docstest"
)

// documents lists all documents, by their paths from the root.
func documents(t *testing.T) []string {
	t.Helper()
	names := []string{"README.md", "CONTRIBUTING.md"}
	root := docstest.Root(t)
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			name, _ := filepath.Rel(root, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// goFiles parses the files of the code, those of tests only where they are asked for.
func goFiles(t *testing.T, dir string, tests bool) []*ast.File {
	t.Helper()
	var files []*ast.File
	err := filepath.WalkDir(filepath.Join(docstest.Root(t), dir), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && entry.Name() == "testdata" {
			return skipped(err)
		}
		if filepath.Ext(path) != ".go" || !tests && strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		files = append(files, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// skipped leaves a folder out, unless it could not be read.
func skipped(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}

var (
	// inTree is a path of a folder in the repository's root.
	inTree = regexp.MustCompile(`^(\./)?(cmd|internal|assets|bench|docs|scripts|\.ci|\.github)/[\w./-]*$`)
	// bare is the name of a file of the code without its folder.
	bare = regexp.MustCompile(`^[\w-]+\.(go|txtar)$`)
)

// TestPathsExist looks for every path of the repository that a document names, in its text or in its code.
func TestPathsExist(t *testing.T) {
	root := docstest.Root(t)
	names := map[string]bool{}
	for _, dir := range []string{"cmd", "internal", "bench", "assets"} {
		_ = filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, _ error) error {
			names[filepath.Base(path)] = true
			return nil
		})
	}
	for _, name := range documents(t) {
		code := false
		for i, line := range docstest.Read(t, name).Lines {
			if strings.HasPrefix(line, "```") {
				code = !code
				continue
			}
			texts := docstest.Code(line)
			if code {
				texts = []string{line}
			}
			for _, word := range strings.Fields(strings.Join(texts, " ")) {
				word = strings.Trim(word, `'"(),:;`)
				path := strings.TrimSuffix(strings.TrimPrefix(word, "./"), "...")
				if f := function.FindStringSubmatch(word); f != nil && isFolder(filepath.Join(root, f[1])) { // a function of a package
					if !declares(t, f[1], f[2], f[3]) {
						t.Errorf("%s:%d names %s, and %s has no such function: write what it is called now", name, i+1, word, f[1])
					}
				} else if inTree.MatchString(word) {
					if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(path))); err != nil {
						t.Errorf("%s:%d names %s, which is not in the tree: write where it is now", name, i+1, word)
					}
				} else if bare.MatchString(word) && !names[word] {
					t.Errorf("%s:%d names %s, and no file has that name: write what it is called now", name, i+1, word)
				}
			}
		}
	}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the headings of a document as links name them.
func anchors(d *docstest.Document) map[string]bool {
	found := map[string]bool{}
	for _, s := range d.Sections() {
		found[strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(s.Heading), ""), " ", "-")] = true
	}
	return found
}

// TestLinksLead follows every link to a file or a heading of the repository.
func TestLinksLead(t *testing.T) {
	root := docstest.Root(t)
	for _, name := range documents(t) {
		for _, section := range docstest.Read(t, name).Sections() {
			for _, line := range section.Lines {
				for _, m := range link.FindAllStringSubmatch(line.Text, -1) {
					target, anchor, _ := strings.Cut(m[1], "#")
					if strings.Contains(m[1], "://") {
						continue
					}
					file := name
					if target != "" {
						file = filepath.ToSlash(filepath.Join(filepath.Dir(name), target))
					}
					if _, err := os.Stat(filepath.Join(root, file)); err != nil {
						t.Errorf("%s links to %s, which is not there: write where it is now", line.At, m[1])
					} else if anchor != "" && !anchors(docstest.Read(t, file))[anchor] {
						t.Errorf("%s links to %s, and %s has no such heading: write one that it has", line.At, m[1], file)
					}
				}
			}
		}
	}
}

// TestReadmeLeadsToEveryDocument keeps documents from being forgotten, and README short.
func TestReadmeLeadsToEveryDocument(t *testing.T) {
	readme := docstest.Read(t, "README.md")
	if n := len(readme.Lines); n > 200 {
		t.Errorf("README.md has %d lines, and is to have 200 at most: move something to docs/", n)
	}
	text := strings.Join(readme.Lines, "\n")
	for _, name := range documents(t)[1:] {
		if !strings.HasPrefix(name, "docs/adr/") && !strings.Contains(text, "]("+name+")") {
			t.Errorf("README.md does not lead to %s: add a line under \"How to go on\"", name)
		}
	}
}

var testName = regexp.MustCompile(`\bTest[A-Z]\w+`)

// TestTestsExist looks for every test that a document names, by its name or, as for `go test -run`, by its beginning.
func TestTestsExist(t *testing.T) {
	var names []string
	for _, dir := range []string{"cmd", "internal", "bench"} {
		for _, file := range goFiles(t, dir, true) {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
					names = append(names, f.Name.Name)
				}
			}
		}
	}
	for _, name := range documents(t) {
		for i, line := range docstest.Read(t, name).Lines {
			for _, test := range testName.FindAllString(line, -1) {
				if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, test) }) {
					t.Errorf("%s:%d names %s, and no test is called so: write what it is called now", name, i+1, test)
				}
			}
		}
	}
}

var (
	// step is a line of a flow: the function, by its package's folder, its type and its name, and then what it does.
	step     = regexp.MustCompile("^\\d+\\. `([^`]+)`")
	function = regexp.MustCompile(`^([\w/]+)\.(?:\(\*?(\w+)\)\.)?(\w+)$`)
)

// TestFlowsNameFunctions looks for each function that a flow of docs/architecture.md names.
func TestFlowsNameFunctions(t *testing.T) {
	const most = 8
	flows := 0
	for _, section := range docstest.Read(t, "docs/architecture.md").Sections() {
		steps := 0
		for _, line := range section.Lines {
			m := step.FindStringSubmatch(line.Text)
			if m == nil {
				continue
			}
			steps++
			f := function.FindStringSubmatch(m[1])
			if f == nil {
				t.Errorf("%s: %q is no function: write it as internal/stack.Read or internal/project.(*Project).Up", line.At, m[1])
			} else if !declares(t, f[1], f[2], f[3]) {
				t.Errorf("%s: %s has no function %q: write by which function the flow goes now", line.At, f[1], strings.TrimPrefix(m[1], f[1]+"."))
			}
		}
		if steps > most {
			t.Errorf("docs/architecture.md: the flow %q has %d functions: name %d at most", section.Heading, steps, most)
		}
		if steps > 0 {
			flows++
		}
	}
	if flows != 3 {
		t.Errorf("docs/architecture.md has %d flows, and is to have 3: an up, a log line, a visit", flows)
	}
}

// declares reports whether the package in a folder has the function, of the type if that is not "".
func declares(t *testing.T, dir, receiver, name string) bool {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(docstest.Root(t), dir, "*.go"))
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name && receiverOf(f) == receiver {
				return true
			}
		}
	}
	return false
}

func receiverOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	ident, _ := of.(*ast.Ident)
	return ident.Name
}

// TestTheHouse compares the table of folders in docs/architecture.md with the folders, and what each may import with what it does.
func TestTheHouse(t *testing.T) {
	const module = "stackctl.dev/stackctl/"
	rows := docstest.Read(t, "docs/architecture.md").Section("The house").Table("Folder")
	listed := map[string]docstest.Row{}
	for _, row := range rows {
		listed[docstest.Code(row.Cells[0])[0]] = row
	}
	// owner is the row of a package: its own, or that of a folder above it.
	owner := func(dir string) string {
		for ; dir != "."; dir = filepath.Dir(dir) {
			if _, ok := listed[dir]; ok {
				return dir
			}
		}
		return ""
	}
	imports := map[string]map[string]bool{}
	root := docstest.Root(t)
	for _, top := range []string{"cmd", "internal", "assets", "bench"} {
		_ = filepath.WalkDir(filepath.Join(root, top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() && entry.Name() == "testdata" {
				return skipped(err)
			}
			if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			dir, _ := filepath.Rel(root, filepath.Dir(path))
			of := owner(filepath.ToSlash(dir))
			if of == "" {
				t.Errorf("docs/architecture.md: the table of folders lacks %s: add a row", dir)
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, spec := range file.Imports {
				imported, _ := strconv.Unquote(spec.Path.Value)
				if to := owner(strings.TrimPrefix(imported, module)); strings.HasPrefix(imported, module) && to != of {
					if imports[of] == nil {
						imports[of] = map[string]bool{}
					}
					imports[of][to] = true
				}
			}
			return nil
		})
	}
	for dir, row := range listed {
		if _, err := os.Stat(filepath.Join(root, dir)); err != nil {
			t.Errorf("%s: there is no folder %s: take the row out", row.At, dir)
		}
		if row.Cells[2] == "everything" {
			continue
		}
		named := map[string]string{}
		for _, short := range docstest.Code(row.Cells[2]) {
			named[short] = row.At
		}
		var does []string
		for to := range imports[dir] {
			does = append(does, filepath.Base(to))
		}
		docstest.Same(t, "import of "+dir, fmt.Sprintf("%s (the third column)", row.At), named, does)
	}
}

// TestLabels compares the table of labels in docs/architecture.md with the constants.
func TestLabels(t *testing.T) {
	documented := map[string]string{}
	for _, row := range docstest.Read(t, "docs/architecture.md").Section("Labels are the only state").Table("Label") {
		names := docstest.Code(row.Cells[0])
		for _, name := range names {
			if rest, short := strings.CutPrefix(name, "."); short { // ".volume" after "com.docker.compose.network"
				name = names[0][:strings.LastIndex(names[0], ".")+1] + rest
			}
			documented[name] = row.At
		}
	}
	var constants []string
	for _, file := range goFiles(t, "internal/orchestrate/label", false) {
		for _, value := range stringConstants(file) {
			if strings.Contains(value, ".") { // the version is none
				constants = append(constants, value)
			}
		}
	}
	docstest.Same(t, "label", `docs/architecture.md, "Labels are the only state",`, documented, constants)
}

func stringConstants(file *ast.File) map[string]string {
	found := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
			for i, v := range spec.Values {
				if literal, ok := v.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					found[spec.Names[i].Name], _ = strconv.Unquote(literal.Value)
				}
			}
		}
		return true
	})
	return found
}

var (
	variable = regexp.MustCompile(`^(STACKCTL|COMPOSE|REDISCLI)_[A-Z_]+$`)
	ours     = regexp.MustCompile(`STACKCTL_[A-Z_]+`)
)

// TestEnvironment compares the variables that the documents describe with those that the code reads. The others of the tables are
// read by the libraries of Compose and Docker.
func TestEnvironment(t *testing.T) {
	documented := map[string]string{}
	add := func(rows []docstest.Row) {
		for _, row := range rows {
			for _, name := range docstest.Code(row.Cells[0]) {
				documented[name] = row.At
			}
		}
	}
	add(docstest.Read(t, "docs/commands.md").Section("Environment").Table("Variable"))
	add(docstest.Read(t, "docs/web.md").Section("Environment").Table("Variable"))
	read := map[string]bool{}
	for _, dir := range []string{"cmd", "internal"} {
		for _, file := range goFiles(t, dir, false) {
			if strings.HasSuffix(file.Name.Name, "test") { // what tests share
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if text, _ := strconv.Unquote(literal.Value); variable.MatchString(text) {
						read[text] = true
					}
				}
				return true
			})
		}
	}
	compose, err := os.ReadFile(filepath.Join(docstest.Root(t), "assets", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range ours.FindAllString(string(compose), -1) {
		read[name] = true
	}
	for name := range read {
		if documented[name] == "" {
			t.Errorf(`docs/commands.md, "Environment", lacks the variable %s, which the code reads: add a row`, name)
		}
	}
	for name, at := range documented {
		if ours.MatchString(name) && !read[name] {
			t.Errorf("%s: nothing reads the variable %s: take it out", at, name)
		}
	}
}

// TestVerbs compares the verbs of events that docs/json.md lists with those that steps and images have.
func TestVerbs(t *testing.T) {
	section := docstest.Read(t, "docs/json.md").Section("`--progress json`")
	documented := map[string]string{}
	for _, row := range section.Table("Verb") {
		for _, verb := range docstest.Code(row.Cells[0]) {
			documented[verb] = row.At
		}
	}
	var verbs []string
	keep := func(text string) {
		if !slices.Contains(verbs, text) {
			verbs = append(verbs, text)
		}
	}
	for _, dir := range []string{"internal/orchestrate", "internal/project"} {
		for _, file := range goFiles(t, dir, false) {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					if n.Name.Name == "Verb" && n.Body != nil {
						for _, text := range literals(n.Body) {
							keep(text)
						}
					}
				case *ast.KeyValueExpr:
					if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Verb" {
						for _, text := range literals(n.Value) {
							keep(text)
						}
					}
				case *ast.CallExpr:
					if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "newWork" && !isNil(n.Args[0]) { // nobody hears of what has no sink
						for _, text := range literals(n) {
							keep(text)
						}
					}
				}
				return true
			})
		}
	}
	docstest.Same(t, "verb", "docs/json.md, \"--progress json\",", documented, verbs)
}

// TestTheTiers compares the variables, metrics and log messages that a tier's document lists with those of the code.
func TestTheTiers(t *testing.T) {
	t.Run("web", func(t *testing.T) {
		testTier(t, "docs/web.md", func(packageName string) bool {
			return packageName != "waf" && packageName != "certs" && packageName != "archive" && packageName != "edge" && packageName != "hold"
		})
	})
	t.Run("waf", func(t *testing.T) {
		testTier(t, "docs/waf.md", func(packageName string) bool { return packageName == "waf" || packageName == "tier" })
	})
	t.Run("edge", func(t *testing.T) {
		testTier(t, "docs/monitoring.md", func(packageName string) bool { return packageName == "edge" || packageName == "tier" })
	})
	t.Run("hold", func(t *testing.T) {
		testTier(t, "docs/maintenance.md", func(packageName string) bool { return packageName == "hold" })
	})
	t.Run("certs", func(t *testing.T) {
		testTier(t, "docs/tls.md", func(packageName string) bool { return packageName == "certs" || packageName == "tier" })
	})
	t.Run("archive", func(t *testing.T) {
		testTier(t, "docs/history.md", func(packageName string) bool { return packageName == "archive" || packageName == "tier" })
	})
}

// testTier compares one of them; belongs selects the tier's packages in internal/server.
func testTier(t *testing.T, name string, belongs func(packageName string) bool) {
	doc := docstest.Read(t, name)
	column := func(heading, head string) map[string]string {
		found := map[string]string{}
		for _, row := range doc.Section(heading).Table(head) {
			codes := docstest.Code(row.Cells[0])
			for _, code := range codes {
				code, _, _ = strings.Cut(code, "{") // the labels of a metric
				if rest, short := strings.CutPrefix(code, "_"); short {
					code = codes[0][:strings.LastIndex(codes[0], "pool_")+len("pool_")] + rest
				}
				if !strings.HasSuffix(code, "*") { // of the Go runtime
					found[code] = row.At
				}
			}
		}
		return found
	}
	var variables, metrics, messages []string
	for _, file := range goFiles(t, "internal/server", false) {
		if !belongs(file.Name.Name) {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if literal, text := n.(*ast.BasicLit); text && strings.HasPrefix(literal.Value, `"stackctl_`) {
				metrics = append(metrics, strings.Trim(literal.Value, `"`))
			}
			if !ok {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); ok {
				if f.Sel.Name == "Read" && len(call.Args) == 5 { // tier.Read
					variables = append(variables, literals(call.Args[1])...)
				}
				at := map[string]int{"DebugContext": 1, "Debug": 0, "Info": 0, "Warn": 0, "Error": 0, "Log": 2, "LogAttrs": 2}
				if i, ok := at[f.Sel.Name]; ok && len(call.Args) > i {
					messages = append(messages, literals(call.Args[i])...)
				}
			}
			return true
		})
	}
	docstest.Same(t, "variable", name+`, "Environment",`, column("Environment", "Variable"), variables)
	if len(metrics) > 0 {
		docstest.Same(t, "metric", name+`, "Metrics",`, column("Metrics", "Metric"), metrics)
	}
	docstest.Same(t, "message", name+`, "Logs",`, column("Logs", "`msg`"), messages)
}

func isNil(e ast.Expr) bool {
	ident, ok := e.(*ast.Ident)
	return ok && ident.Name == "nil"
}

// literals lists the strings in a piece of code.
func literals(n ast.Node) []string {
	var found []string
	ast.Inspect(n, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, _ := strconv.Unquote(literal.Value)
			found = append(found, text)
		}
		return true
	})
	return found
}
