package images

import (
	"encoding/json"
	"errors"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"stackctl.dev/stackctl/internal/orchestrate/report"
)

// buildkitTrace marks BuildKit's messages in the engine's progress stream: StatusResponse of moby/buildkit,
// api/services/control/control.proto. Only the fields that are shown are read here.
const buildkitTrace = "moby.buildkit.trace"

const (
	responseVertex, responseLog                = 1, 3    // in StatusResponse
	vertexName, vertexStarted, vertexCompleted = 3, 5, 6 // in Vertex
	logText                                    = 4       // in VertexLog
)

// trace reports the steps that begin, and keeps their output.
func (w *work) trace(aux *json.RawMessage) error {
	var message []byte
	if err := json.Unmarshal(*aux, &message); err != nil {
		return err
	}
	return eachField(message, func(field protowire.Number, part []byte) error {
		var name, text []byte
		begins := false
		err := eachField(part, func(inner protowire.Number, value []byte) error {
			switch {
			case field == responseVertex && inner == vertexName:
				name = value
			case field == responseVertex && inner == vertexStarted:
				begins = true
			case field == responseVertex && inner == vertexCompleted:
				begins = false
			case field == responseLog && inner == logText:
				text = value
			}
			return nil
		})
		for line := range strings.Lines(string(text)) {
			w.printed(line)
		}
		if begins && len(name) > 0 && !strings.HasPrefix(string(name), "[internal]") {
			w.send(report.Progress, string(name))
		}
		return err
	})
}

// eachField calls f for each field of a protobuf message that is a string, bytes or a message.
func eachField(message []byte, f func(field protowire.Number, value []byte) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errors.New("reading BuildKit's progress: not a protobuf message")
		}
		message = message[n:]
		length := protowire.ConsumeFieldValue(field, kind, message)
		if length < 0 {
			return errors.New("reading BuildKit's progress: a field ends too early")
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			if err := f(field, value); err != nil {
				return err
			}
		}
		message = message[length:]
	}
	return nil
}
