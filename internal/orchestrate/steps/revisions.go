package steps

// KeepRevision keeps the configuration of a container that is about to be replaced.
type KeepRevision struct {
	Project string
	Of      string // the container's ID
	Name    string
	Number  int
}

func (a KeepRevision) Verb() string { return "keep revision" }

func (a KeepRevision) Object() string { return a.Name }

func (a KeepRevision) undo() []Action { return []Action{RemoveContainer{Name: a.Name, ID: a.Name}} }

// DropRevision removes a kept revision.
type DropRevision struct {
	Name string
}

func (a DropRevision) Verb() string { return "drop revision" }

func (a DropRevision) Object() string { return a.Name }
