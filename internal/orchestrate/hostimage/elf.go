package hostimage

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"strings"
)

// object is the part of an ELF file that the dynamic loader uses.
type object struct {
	class   elf.Class
	machine elf.Machine
	interp  string // PT_INTERP; "" in libraries and static programs
	needed  []string
	rpath   []string // DT_RPATH: also applies to the libraries' libraries
	runpath []string // DT_RUNPATH: applies to this object's libraries only, and overrides DT_RPATH
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
	// In a static program, which has no dynamic section, the lists are empty.
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

// matches reports whether the object runs on the machine; an unknown machine (EM_NONE) matches all.
func (o object) matches(machine elf.Machine) bool {
	return machine == elf.EM_NONE || o.machine == machine
}
