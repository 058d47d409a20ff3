// Command grafana writes the dashboards as Grafana's JSON into a folder, a file for each. `go generate` runs it; it is not part of
// stackctl, which embeds the files.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"stackctl.dev/stackctl/internal/dashboards"
)

const (
	sourceType = "prometheus"
	// sourceUID is the name in grafana/datasource.yaml.
	sourceUID = "stackctl-prometheus"

	// The distance of two evaluations of an event, and what stands for dashboards.Span and SpanMinute then: a scrape more.
	eventStep, span, spanMinute = "15s", "20s", "80s"

	// Grafana's grid has 24 columns.
	statWidth, statHeight   = 6, 4
	chartWidth, chartHeight = 12, 9
)

var unitNames = map[dashboards.Unit]string{
	dashboards.Number: units.Short, dashboards.Percent: units.PercentUnit, dashboards.Seconds: units.Seconds, dashboards.Bytes: units.BytesIEC,
	dashboards.Requests: units.RequestsPerSecond, dashboards.PerSec: units.OpsPerSecond, dashboards.Cores: units.Short,
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: grafana DIRECTORY")
		os.Exit(2)
	}
	for _, d := range dashboards.All() {
		content, err := generate(d)
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], d.Name+".json"), content, 0o644)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "grafana: writing dashboard %q: %v\n", d.Name, err)
			os.Exit(1)
		}
	}
}

// generate returns a dashboard as JSON.
func generate(d dashboards.Dashboard) ([]byte, error) {
	built, err := build(d)
	if err != nil {
		return nil, err
	}
	content, err := json.MarshalIndent(built, "", "  ")
	return append(content, '\n'), err
}

func build(d dashboards.Dashboard) (dashboard.Dashboard, error) {
	b := dashboard.NewDashboardBuilder("stackctl: "+d.Title).Uid("stackctl-"+d.Name).Description(d.Description).
		Tags([]string{"stackctl"}).Refresh("15s").Time("now-1h", "now").Timezone("browser").Tooltip(dashboard.DashboardCursorSyncCrosshair).Readonly()
	for _, e := range dashboards.Events {
		expr := strings.NewReplacer(dashboards.SpanMinute, spanMinute, dashboards.Span, span).Replace(e.Expr)
		b = b.Annotation(dashboard.NewAnnotationQueryBuilder().Name(strings.TrimSpace(e.Name + " " + e.Of)).Datasource(source()).Enable(true).IconColor(e.Color).
			Expr(expr).Step(eventStep).TitleFormat(e.Name).TextFormat(e.Text).TagKeys("version,job,instance"))
	}
	for i, p := range dashboards.Sorted(d.Panels) {
		id := uint32(i + 1)
		if p.Stat {
			b = b.WithPanel(statOf(p).Id(id))
		} else {
			b = b.WithPanel(chartOf(p).Id(id))
		}
	}
	return b.Build()
}

func source() common.DataSourceRef {
	kind, uid := sourceType, sourceUID
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}

func query(i int, q dashboards.Query) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().Datasource(source()).Expr(q.Expr).LegendFormat(q.Legend).RefId(string(rune('A' + i))).Range()
}

func statOf(p dashboards.Panel) *stat.PanelBuilder {
	b := stat.NewPanelBuilder().Title(p.Title).Description(p.Description).Datasource(source()).Unit(unitNames[p.Unit]).
		Span(statWidth).Height(statHeight).GraphMode(common.BigValueGraphModeArea).ColorMode(common.BigValueColorModeNone).NoValue("no data").
		Orientation(common.VizOrientationAuto).ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
	for i, q := range p.Queries {
		b = b.WithTarget(query(i, q))
	}
	return b
}

func chartOf(p dashboards.Panel) *timeseries.PanelBuilder {
	b := timeseries.NewPanelBuilder().Title(p.Title).Description(p.Description).Datasource(source()).Unit(unitNames[p.Unit]).
		Span(chartWidth).Height(chartHeight).Min(0).LineWidth(1).FillOpacity(fill(p)).ShowPoints(common.VisibilityModeNever).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeTable).Placement(common.LegendPlacementBottom).
			ShowLegend(true).Calcs([]string{"lastNotNull", "mean", "max"}))
	if p.Unit == dashboards.Cores {
		b = b.AxisLabel(string(p.Unit))
	}
	if p.Limit != nil {
		limit := p.Limit.Value
		b = b.Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).
			Steps([]dashboard.Threshold{{Color: "transparent"}, {Value: &limit, Color: "red"}})).
			ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	for i, q := range p.Queries {
		b = b.WithTarget(query(i, q))
	}
	return b
}

func fill(p dashboards.Panel) float64 {
	if len(p.Queries) == 1 && !strings.Contains(p.Queries[0].Legend, "{{") {
		return 10
	}
	return 0
}
