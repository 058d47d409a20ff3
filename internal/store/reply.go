package store

import "errors"

// Kind is what a reply is, in the terms of the Redis protocol.
type Kind uint8

// The kinds of reply. RESP2 knows those up to Array; RESP3, which a console gets with HELLO 3, all of them.
const (
	Nil       Kind = iota
	Status         // OK, QUEUED
	Error          // an answer of the server, not a failure to get one
	Integer        //
	String         //
	Array          //
	Double         //
	Bool           //
	BigNumber      //
	Verbatim       // text meant to be read as it is, as INFO is
	Map            // Elems holds keys and values in turn
	Set            //
	Push           // sent without being asked for: a published message, an invalidated key
)

// Reply is one answer of Redis.
type Reply struct {
	Kind  Kind
	Text  string  // Status, Error, String, Verbatim; Double and BigNumber as the server wrote them. Untrusted bytes.
	Int   int64   // Integer; Bool as 0 or 1
	Elems []Reply // Array, Map, Set, Push
}

// Err returns the error that an Error reply stands for, otherwise nil.
func (r Reply) Err() error {
	if r.Kind != Error {
		return nil
	}
	return errors.New(r.Text)
}
