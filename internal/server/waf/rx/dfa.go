package rx

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// maxBytes bounds the states of an expression, about: the rule set has some 300 expressions, most of which need a few KiB.
const maxBytes = 128 << 10

// dfa says whether an expression matches, and nothing about where: a deterministic automaton whose states are made when a text needs
// them, as in RE2 (https://swtch.com/~rsc/regexp/regexp3.html). So a character costs one look at a table, where the standard library's
// regexp simulates all threads of the program. What it makes is bounded by maxBytes, and for each text by its length: whoever sends
// texts that need ever new states gets the standard library's speed.
type dfa struct {
	prog   *syntax.Prog
	bounds []rune // where classes of characters begin that all instructions treat alike
	ascii  [utf8.RuneSelf]uint16

	first   atomic.Pointer[state]
	mu      sync.Mutex // of what follows, and for making states
	states  map[string]*state
	bytes   int
	pending *threads
}

// state is a set of instructions that may come next, and the character before, as far as it matters to ^, $ and \b.
type state struct {
	insts []uint32
	prev  rune
	next  []atomic.Pointer[state] // by class of the next character; the last one is the end of the text
}

// matched is the state after a match.
var matched = &state{}

func newDFA(prog *syntax.Prog) *dfa {
	d := &dfa{prog: prog, bounds: boundsOf(prog), pending: newThreads(len(prog.Inst))}
	for c := range d.ascii {
		d.ascii[c] = d.classOf(rune(c))
	}
	d.reset()
	return d
}

// boundsOf lists where the ranges of all instructions begin and end, and those of word characters and line breaks.
func boundsOf(prog *syntax.Prog) []rune {
	bounds := []rune{'\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1}
	for _, inst := range prog.Inst {
		switch {
		case inst.Op != syntax.InstRune && inst.Op != syntax.InstRune1:
		case len(inst.Rune) == 1: // with all cases of the letter
			bounds = append(bounds, inst.Rune[0], inst.Rune[0]+1)
			for r := unicode.SimpleFold(inst.Rune[0]); r != inst.Rune[0]; r = unicode.SimpleFold(r) {
				bounds = append(bounds, r, r+1)
			}
		default:
			for i := 0; i+1 < len(inst.Rune); i += 2 {
				bounds = append(bounds, inst.Rune[i], inst.Rune[i+1]+1)
			}
		}
	}
	slices.Sort(bounds)
	return slices.Compact(bounds)
}

// classOf is the number of bounds up to r.
func (d *dfa) classOf(r rune) uint16 {
	i, found := slices.BinarySearch(d.bounds, r)
	if found {
		i++
	}
	return uint16(i) //nolint:gosec // bounded by the length of a rule
}

// of is a character of a class.
func (d *dfa) of(class int) rune {
	switch class {
	case 0:
		return 0
	case len(d.bounds) + 1:
		return -1 // the end
	}
	return d.bounds[class-1]
}

// match reports whether the expression matches text. It is not decided if that would take too many new states.
func (d *dfa) match(text string) (match, decided bool) {
	s, budget := d.first.Load(), 32+len(text)/4
	step := func(class int) bool {
		next := s.next[class].Load()
		if next == nil {
			if budget--; budget < 0 {
				return false
			}
			if next = d.make(s, class); next == nil {
				return false
			}
		}
		s = next
		return true
	}
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			i++
			if next := s.next[d.ascii[c]].Load(); next != nil {
				s = next
			} else if !step(int(d.ascii[c])) {
				return false, false
			}
		} else {
			r, size := utf8.DecodeRuneInString(text[i:])
			i += size
			if !step(int(d.classOf(r))) {
				return false, false
			}
		}
		if s == matched {
			return true, true
		}
	}
	if !step(len(d.bounds) + 1) {
		return false, false
	}
	return s == matched, true
}

// make makes the state after s and a character of a class. It returns nil if there was no room, and forgets all states then.
func (d *dfa) make(s *state, class int) *state {
	d.mu.Lock()
	defer d.mu.Unlock()
	if next := s.next[class].Load(); next != nil {
		return next
	}
	c := d.of(class)
	now, after := d.pending, []uint32{}
	now.clear()
	holds := syntax.EmptyOpContext(s.prev, c)
	for _, pc := range s.insts {
		d.follow(now, pc, holds)
	}
	d.follow(now, uint32(d.prog.Start), holds) //nolint:gosec // a match may begin at any character
	if now.match {
		s.next[class].Store(matched)
		return matched
	}
	for _, pc := range now.list {
		if inst := &d.prog.Inst[pc]; c >= 0 && inst.MatchRune(c) {
			after = append(after, inst.Out)
		}
	}
	next := d.state(after, c)
	if next != nil {
		s.next[class].Store(next)
	}
	return next
}

// state returns the state of a set of instructions after a character.
func (d *dfa) state(insts []uint32, prev rune) *state {
	switch { // as EmptyOpContext tells characters apart
	case prev >= 0 && syntax.IsWordChar(prev):
		prev = 'a'
	case prev >= 0 && prev != '\n':
		prev = ' '
	}
	slices.Sort(insts)
	insts = slices.Compact(insts)
	key := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+4*len(insts)), uint32(prev)) //nolint:gosec // it is the key of a map
	for _, pc := range insts {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	if s := d.states[string(key)]; s != nil {
		return s
	}
	classes := len(d.bounds) + 2
	if d.bytes += 8*classes + 2*len(key) + 100; d.bytes > maxBytes && len(d.states) > 1 {
		d.reset()
		return nil
	}
	s := &state{insts: insts, prev: prev, next: make([]atomic.Pointer[state], classes)}
	d.states[string(key)] = s
	return s
}

// reset forgets all states; who is in one goes on in it.
func (d *dfa) reset() {
	d.states, d.bytes = map[string]*state{}, 0
	d.first.Store(d.state(nil, -1))
}

// threads are the instructions that can be reached without a character.
type threads struct {
	list  []uint32 // those that take a character
	seen  []uint32 // by instruction, the round in which it was seen
	round uint32
	match bool
}

func newThreads(n int) *threads { return &threads{seen: make([]uint32, n)} }

func (t *threads) clear() {
	t.list, t.match = t.list[:0], false
	if t.round++; t.round == 0 {
		clear(t.seen)
		t.round = 1
	}
}

// follow adds what is reached from an instruction where the conditions of holds are met.
func (d *dfa) follow(t *threads, pc uint32, holds syntax.EmptyOp) {
	if t.seen[pc] == t.round {
		return
	}
	t.seen[pc] = t.round
	switch inst := &d.prog.Inst[pc]; inst.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		d.follow(t, inst.Out, holds)
		d.follow(t, inst.Arg, holds)
	case syntax.InstCapture, syntax.InstNop:
		d.follow(t, inst.Out, holds)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(inst.Arg)&^holds == 0 { //nolint:gosec // as syntax says
			d.follow(t, inst.Out, holds)
		}
	case syntax.InstMatch:
		t.match = true
	case syntax.InstFail:
	default:
		t.list = append(t.list, pc)
	}
}
