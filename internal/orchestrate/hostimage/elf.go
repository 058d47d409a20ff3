package hostimage

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"strings"
)

// object is what the dynamic loader reads of an ELF file.
type object struct {
	class   elf.Class
	machine elf.Machine
	interp  string // PT_INTERP; empty in libraries and static programs
	needed  []string
	rpath   []string // DT_RPATH: also used for the libraries' own libraries
	runpath []string // DT_RUNPATH: used for this object's libraries only, and switches DT_RPATH off
}

func readObject(name string) (o object, err error) {
	f, err := elf.Open(name)
	if err != nil {
		return object{}, fmt.Errorf("reading the ELF header of %q: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	o = object{class: f.Class, machine: f.Machine}
	if o.interp, err = interpreter(f); err != nil {
		return object{}, fmt.Errorf("reading the interpreter of %q: %w", name, err)
	}
	// A static program has no dynamic section: that is an empty list, not an error.
	if o.needed, err = f.DynString(elf.DT_NEEDED); err != nil {
		return object{}, fmt.Errorf("reading the libraries of %q: %w", name, err)
	}
	for tag, list := range map[elf.DynTag]*[]string{elf.DT_RPATH: &o.rpath, elf.DT_RUNPATH: &o.runpath} {
		values, err := f.DynString(tag)
		if err != nil {
			return object{}, fmt.Errorf("reading the library path of %q: %w", name, err)
		}
		for _, value := range values {
			*list = append(*list, strings.Split(value, ":")...)
		}
	}
	return o, nil
}

func interpreter(f *elf.File) (string, error) {
	for _, prog := range f.Progs {
		if prog.Type != elf.PT_INTERP {
			continue
		}
		name, err := io.ReadAll(prog.Open())
		return string(bytes.TrimRight(name, "\x00")), err
	}
	return "", nil
}

// matches tells whether the object runs on the machine; an architecture that is unknown here matches all.
func (o object) matches(machine elf.Machine) bool {
	return machine == elf.EM_NONE || o.machine == machine
}
