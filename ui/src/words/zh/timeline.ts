import type { timeline as english } from "../en/timeline";
import { n } from "./numbers";

export const timeline: typeof english = {
  timeline: {
    label: (count) => `${n(count)} 个步骤的时间线。方向键移动和滚动，加号减号缩放，回车显示日志。`,
    hint: "滚轮缩放，拖动选择时间段",
    table: "表格",
    zoomIn: "放大",
    zoomOut: "缩小",
    all: "显示全部",
    zoomTo: "放大到此处",
    clear: "清除",
    critical: "决定了总时长",
    range: (from, to) => `${from} – ${to}`,
    after: (time) => `${time} 后开始`,
    cpu: (peak) => `CPU，峰值 ${n(peak)}%`,
    memory: (peak) => `内存，峰值 ${peak}`,
    usage: (cpu, memory) => `处理器与内存随时间变化：最多 ${n(cpu)}% 和 ${memory}`,
    columns: {
      step: "步骤",
      status: "状态",
      start: "开始于",
      duration: "时长",
      usual: "通常",
      critical: "决定总时长",
    },
  },
};
