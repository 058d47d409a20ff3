package store

import "errors"

// Kind is the type of a reply in the Redis protocol.
type Kind uint8

// The kinds of reply. RESP2 has those up to Array; RESP3, which a console turns on with HELLO 3, has all of them.
const (
	Nil       Kind = iota
	Status         // OK, QUEUED
	Error          // a reply of the server, not a failure to get one
	Integer        //
	String         //
	Array          //
	Double         //
	Bool           //
	BigNumber      //
	Verbatim       // text to be shown unchanged, such as that of INFO
	Map            // Elems holds keys and values in turn
	Set            //
	Push           // not a reply to a command: a published message, an invalidated key
)

// Reply is one reply of Redis.
type Reply struct {
	Kind  Kind
	Text  string  // of Status, Error, String, Verbatim; of Double and BigNumber as the server wrote them. Untrusted bytes.
	Int   int64   // Integer; Bool as 0 or 1
	Elems []Reply // Array, Map, Set, Push
}

// Err returns an Error reply as an error, and nil for any other reply.
func (r Reply) Err() error {
	if r.Kind != Error {
		return nil
	}
	return errors.New(r.Text)
}
